"""./dev on machines that lack something, played by programs put first on the PATH."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
EVERYTHING = """#!/bin/sh
exec awk '!/^#/ && NF { printf "installed %s ", $1 }' "$LIST"
"""
ALL_BUT_YAML = """#!/bin/sh
exec awk '!/^#/ && NF && $1 != "libyaml-cpp-dev" { printf "installed %s ", $1 }' "$LIST"
"""


class DevTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        # A copy of what setup reads, readable by anyone, so that it can be run as another user.
        self.root = pathlib.Path(folder.name, "clone")
        self.path = pathlib.Path(folder.name, "path")
        self.path.mkdir()
        (self.root / "cmake").mkdir(parents=True)
        (self.root / "proto").mkdir()
        (self.root / "simulator/report").mkdir(parents=True)
        shutil.copy(ROOT / "dev", self.root)
        for name in ("debian-packages.txt", "torch-version.txt", "arrow-version.txt", "safetensors-version.txt",
                     "python-requirements.txt"):
            shutil.copy(ROOT / "cmake" / name, self.root / "cmake")
        for name in ("package.json", "package-lock.json", ".npmrc"):
            for folder_of in ("proto", "simulator/report"):
                shutil.copy(ROOT / folder_of / name, self.root / folder_of)
        for directory in (folder.name, self.root, self.path):
            os.chmod(directory, 0o777)
        self.program("apt-get", "#!/bin/sh\nexit 1\n")  # whatever goes wrong, this machine stays as it is

    def program(self, name, text):
        file = self.path / name
        file.write_text(text)
        file.chmod(0o755)

    def dev(self, *args, user=None, **environment):
        env = {**os.environ, "PATH": f"{self.path}:{os.environ['PATH']}",
               "LIST": str(self.root / "cmake/debian-packages.txt"), **environment}
        env.pop("LIBTORCH", None) if "LIBTORCH" not in environment else None
        return subprocess.run([self.root / "dev", *args], capture_output=True, text=True, timeout=120, env=env, user=user,
                              stdin=subprocess.DEVNULL)

    def python_environment(self):
        requirements = (self.root / "cmake/python-requirements.txt").read_bytes()
        return self.root / ".deps" / f"python-{hashlib.sha256(requirements).hexdigest()[:12]}"

    def report_packages(self):
        lock = (self.root / "simulator/report/package-lock.json").read_bytes()
        return self.root / ".deps" / f"report-{hashlib.sha256(lock).hexdigest()[:12]}"

    def have_wheels_and_npm(self):
        """Stands in for what an earlier setup fetched."""
        deps = self.root / ".deps"
        (deps / "torch-2.13.0-py/torch").mkdir(parents=True)
        (deps / "torch-2.13.0-py/torch/version.py").touch()
        (deps / "arrow-26.0.1/pyarrow").mkdir(parents=True)
        (deps / "arrow-26.0.1/pyarrow/__init__.py").touch()
        (deps / "safetensors-0.5.3/safetensors").mkdir(parents=True)
        (deps / "safetensors-0.5.3/safetensors/__init__.py").touch()
        (self.python_environment() / "bin").mkdir(parents=True)
        (self.python_environment() / "bin/python").symlink_to("/bin/true")
        for into, of in (("npm", "proto"), (self.report_packages().name, "simulator/report")):
            (deps / into / "node_modules").mkdir(parents=True)
            shutil.copy(self.root / of / "package-lock.json", deps / into)
        os.chmod(deps, 0o777)

    def test_nothing_missing_installs_nothing_and_is_silent(self):
        self.program("dpkg-query", EVERYTHING)
        for client in ("apt-get", "pip3", "npm", "sudo"):
            self.program(client, "#!/bin/sh\nexit 1\n")
        self.have_wheels_and_npm()
        done = self.dev("setup")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_a_failing_apt_ends_with_the_exact_list(self):
        self.program("dpkg-query", ALL_BUT_YAML)
        self.program("apt-get", "#!/bin/sh\necho 'E: no network'\nexit 100\n")
        self.program("sudo", "#!/bin/sh\n[ \"$1\" = -n ] && shift\nexec \"$@\"\n")
        self.have_wheels_and_npm()
        done = self.dev("setup")
        self.assertEqual(done.returncode, 3)
        missing = [line.split()[0] for line in done.stderr.split("Missing:\n")[1].splitlines()]
        self.assertEqual(missing, ["libyaml-cpp-dev"])
        self.assertIn("reads configuration files", done.stderr)

    def test_a_working_apt_is_given_the_list(self):
        self.program("dpkg-query", ALL_BUT_YAML)
        self.program("apt-get", '#!/bin/sh\necho "$@" >>"$LIST.calls"\n')
        self.program("sudo", "#!/bin/sh\n[ \"$1\" = -n ] && shift\nexec \"$@\"\n")
        self.have_wheels_and_npm()
        self.assertEqual(self.dev("setup").returncode, 0)
        calls = pathlib.Path(str(self.root / "cmake/debian-packages.txt") + ".calls").read_text()
        self.assertRegex(calls, r"install .* libyaml-cpp-dev\n")

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to become someone who is not")
    def test_without_root_or_sudo_it_ends_with_the_exact_list(self):
        self.program("dpkg-query", ALL_BUT_YAML)
        self.program("sudo", "#!/bin/sh\nexit 1\n")
        done = self.dev("setup", user=65534)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("not root", done.stderr)
        missing = [line.split()[0] for line in done.stderr.split("Missing:\n")[1].splitlines()]
        self.assertEqual(missing, ["libyaml-cpp-dev"])

    def test_without_a_network_libtorch_is_named(self):
        self.program("dpkg-query", EVERYTHING)
        self.program("pip3", "#!/bin/sh\nexit 1\n")
        done = self.dev("setup", CI="true")
        self.assertEqual(done.returncode, 3)
        self.assertIn("  torch==2.13.0\n", done.stderr)

    def test_without_a_network_the_wheel_is_named(self):
        self.program("dpkg-query", EVERYTHING)
        self.program("pip3", "#!/bin/sh\nexit 1\n")
        self.have_wheels_and_npm()
        for folder, wheel in (("arrow-26.0.1", "pyarrow==26.0.1"), ("safetensors-0.5.3", "safetensors==0.5.3")):
            (self.root / ".deps" / folder).rename(self.root / "aside")
            for environment in ({}, {"CI": "true"}):
                done = self.dev("setup", **environment)
                self.assertEqual(done.returncode, 3)
                self.assertEqual(done.stderr.split("Missing:\n")[1], f"  {wheel}\n")
                self.assertFalse((self.root / ".deps" / folder).exists())
            (self.root / "aside").rename(self.root / ".deps" / folder)

    def test_without_a_network_the_python_environment_is_named(self):
        self.program("dpkg-query", EVERYTHING)
        self.program("pip3", "#!/bin/sh\nexit 1\n")
        self.have_wheels_and_npm()
        shutil.rmtree(self.python_environment())
        done = self.dev("setup")
        self.assertEqual(done.returncode, 3)
        missing = done.stderr.split("Missing:\n")[1].split()
        self.assertTrue(any(requirement.startswith("tensorboard==") for requirement in missing), missing)
        self.assertTrue(all("==" in requirement for requirement in missing), missing)
        self.assertFalse(self.python_environment().exists())

    def test_the_python_environment_is_that_of_the_requirements(self):
        self.program("dpkg-query", EVERYTHING)
        # Installs a module that names the file of the requirements.
        self.program("pip3", """#!/bin/sh
set -e
python=$2
for last; do :; done
echo "text = open('$last').read()" >"$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/installed.py"
""")
        self.have_wheels_and_npm()
        shutil.rmtree(self.python_environment())
        requirements = self.root / "cmake/python-requirements.txt"
        for text in (requirements.read_text(), "other==1.0\n"):
            requirements.write_text(text)
            done = self.dev("setup")
            self.assertEqual(done.returncode, 0, done.stderr)
            environment = self.python_environment()
            script = "import installed, sys; print(sys.prefix); print(installed.text)"
            said = subprocess.run([environment / "bin/python", "-c", script], capture_output=True, text=True, check=True,
                                  timeout=60).stdout
            self.assertEqual(said, f"{environment}\n{text}\n")
            self.assertEqual(self.dev("setup").stderr, "")
        self.assertEqual([folder for folder in (self.root / ".deps").iterdir() if folder.suffix == ".part"], [])

    def test_of_a_wheel_only_what_is_used_is_unpacked(self):
        self.program("dpkg-query", EVERYTHING)
        self.have_wheels_and_npm()
        for folder, used, unused in (
                ("arrow-26.0.1",
                 ("pyarrow/__init__.py", "pyarrow/include/arrow/util/config.h", "pyarrow/include/parquet/types.h",
                  "pyarrow/libarrow.so.2600", "pyarrow/libparquet.so.2600"),
                 ("pyarrow/libarrow_flight.so.2600", "pyarrow/tests/test_io.py")),
                ("torch-2.13.0-py",
                 ("torch-2.13.0.dist-info/METADATA", "torch-2.13.0.dist-info/entry_points.txt",
                  "torch/_C.cpython-311-x86_64-linux-gnu.so", "torch/bin/torch_shm_manager", "torch/distributed/run.py",
                  "torch/include/ATen/ATen.h", "torch/lib/libtorch_cpu.so",
                  "torch/lib/libtorch_python.so", "torch/version.py", "torchgen/__init__.py"),
                 ("torch/bin/test_api", "torch/include/fmt/core.h", "torch/include/google/protobuf/message.h",
                  "torch/test/atest"))):
            wheel = self.root / f"{folder}-any.whl"
            with zipfile.ZipFile(wheel, "w") as archive:
                for name in (*used, *unused):
                    archive.writestr(name, name)
            self.program("pip3", f'#!/bin/sh\nwhile [ "$1" != -d ]; do shift; done\ncp "{wheel}" "$2"\n')
            unpacked = self.root / ".deps" / folder
            shutil.rmtree(unpacked)
            done = self.dev("setup")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(sorted(file.relative_to(unpacked).as_posix() for file in unpacked.rglob("*") if file.is_file()),
                             sorted(used))
            self.assertEqual(self.dev("setup").stderr, "")

    def test_a_given_libtorch_is_not_fetched(self):
        self.program("dpkg-query", EVERYTHING)
        self.program("pip3", "#!/bin/sh\nexit 1\n")
        self.have_wheels_and_npm()
        shutil.rmtree(self.root / ".deps/torch-2.13.0-py")
        self.assertEqual(self.dev("setup", LIBTORCH="/somewhere").returncode, 0)

    def test_without_npm_what_it_brings_is_named(self):
        self.program("dpkg-query", EVERYTHING)
        self.program("npm", "#!/bin/sh\nexit 1\n")
        self.have_wheels_and_npm()
        for folder, package in (("npm", "@bufbuild/buf"), (self.report_packages().name, "vega-lite")):
            shutil.rmtree(self.root / ".deps" / folder)
            done = self.dev("setup")
            self.assertEqual(done.returncode, 3)
            self.assertIn(package, done.stderr)

    def test_usage(self):
        self.assertEqual(self.dev("help").returncode, 0)
        self.assertEqual(self.dev().returncode, 0)
        unknown = self.dev("dance")
        self.assertEqual((unknown.returncode, unknown.stdout), (2, ""))
        self.assertIn("unknown command 'dance'", unknown.stderr)
        self.assertEqual(self.dev("build", "fastest").returncode, 2)
        self.assertEqual(self.dev("run").returncode, 2)
        self.assertEqual(self.dev("fuzz", "soon").returncode, 2)
        self.assertEqual(self.dev("fuzz", "5", "nothing_fuzz").returncode, 2)


if __name__ == "__main__":
    unittest.main()
