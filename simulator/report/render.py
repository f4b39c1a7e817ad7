"""Writes the report of a simulation: one HTML file that needs nothing else.

  python3 render.py --summary summary.json --bundle report.bundle.js --out report.html

Exit codes: 0 written; 2 an input is missing or wrong, one line on stderr says which and why, and no file is changed.
"""

import argparse
import json
import os
import pathlib
import re
import sys

TEMPLATE = pathlib.Path(__file__).resolve().parent / 'template.html'

NAMES = {str: 'a string', list: 'a list', dict: 'an object'}

# What the page cannot be drawn without. Metrics are not here: any of them may be null.
REQUIRED = {
  'auctions': str,
  'config': dict,
  'seed': str,
  'outcomes_sha256': str,
  'versions': dict,
  'models': list,
  'comparisons': list,
  'demo': dict,
  'demo.verdict': str,
  'demo.notes': list,
  'demo.training': list,
  'demo.log': dict,
  'demo.log.source': str,
  'demo.primary': dict,
  'demo.primary.student': str,
  'demo.primary.baseline': str,
}
REQUIRED_IN = {
  'models': {'ref': str},
  'comparisons': {'metric': str, 'a_model': str, 'b_model': str},
  'demo.training': {'ref': str},
}


class InputError(Exception):
  """An input that no report can be made of; says which and why."""


def read_text(path):
  try:
    return pathlib.Path(path).read_text(encoding='utf-8')
  except OSError as error:
    raise InputError(f'{path}: {error.strerror}') from error
  except UnicodeDecodeError as error:
    raise InputError(f'{path}: not UTF-8') from error


def refuse_constant(name):
  raise ValueError(f'{name} is no JSON number')


def parse_summary(path):
  try:
    summary = json.loads(read_text(path), parse_constant=refuse_constant)
  except (ValueError, RecursionError) as error:
    raise InputError(f'{path}: not JSON: {error}') from error
  if not isinstance(summary, dict):
    raise InputError(f'{path}: must be an object')
  return summary


def lookup(value, field):
  for name in field.split('.'):
    value = value.get(name)
    if value is None:
      return None
  return value


def check_fields(path, value, required, prefix=''):
  for field, kind in required.items():
    found = lookup(value, field)
    if found is None:
      raise InputError(f'{path}: {prefix}{field}: missing')
    if not isinstance(found, kind):
      raise InputError(f'{path}: {prefix}{field}: must be {NAMES[kind]}')


def check_summary(path, summary):
  check_fields(path, summary, REQUIRED)
  for field, required in REQUIRED_IN.items():
    for index, entry in enumerate(lookup(summary, field)):
      name = f'{field}[{index}]'
      if not isinstance(entry, dict):
        raise InputError(f'{path}: {name}: must be an object')
      check_fields(path, entry, required, name + '.')
  if not summary['models']:
    raise InputError(f'{path}: models: must not be empty')
  for index, note in enumerate(summary['demo']['notes']):
    if not isinstance(note, str):
      raise InputError(f'{path}: demo.notes[{index}]: must be a string')


def data_text(summary):
  # `<` only occurs inside strings of JSON; without it no string can end the script element or open a comment.
  return json.dumps(summary, separators=(',', ':')).replace('<', '\\u003c')


def bundle_text(bundle):
  # The bundler's output has these only inside strings, regular expressions and comments, where the escape is the same.
  return re.sub(r'<(?=/script|!--)', r'\\x3c', bundle, flags=re.IGNORECASE)


def page(template, summary, bundle):
  parts = {'{{data}}': data_text(summary), '{{bundle}}': bundle_text(bundle)}
  # In one pass, so that a placeholder's name inside the data stays what it is.
  return re.sub('|'.join(map(re.escape, parts)), lambda match: parts[match.group()], template)


def write_atomically(path, text):
  temporary = f'{path}.{os.getpid()}.tmp'
  try:
    with open(temporary, 'w', encoding='utf-8') as file:
      file.write(text)
    os.replace(temporary, path)
  except OSError as error:
    pathlib.Path(temporary).unlink(missing_ok=True)
    raise InputError(f'{path}: {error.strerror}') from error


def main():
  parser = argparse.ArgumentParser(description='Writes the report of a simulation as one HTML file.')
  parser.add_argument('--summary', required=True, help='the JSON file of the simulation')
  parser.add_argument('--bundle', required=True, help='report.js with its libraries, bundled')
  parser.add_argument('--out', required=True, help='the HTML file to write')
  flags = parser.parse_args()
  try:
    summary = parse_summary(flags.summary)
    check_summary(flags.summary, summary)
    write_atomically(flags.out, page(read_text(TEMPLATE), summary, read_text(flags.bundle)))
  except InputError as error:
    print(f'render.py: {error}', file=sys.stderr)
    return 2
  return 0


if __name__ == '__main__':
  sys.exit(main())
