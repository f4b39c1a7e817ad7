"""What devices cost: `vickrey study cost --prices FILE`, of which prices.yaml, the default, is an example."""

import pathlib

import files
import yaml_file
from faults import Fault

DEFAULT = pathlib.Path(__file__).with_name("prices.yaml")
MOST = 1e6  # dollars an hour


class Prices:
    def __init__(self, path):
        self.path = path or DEFAULT
        document = yaml_file.read(self.path, "--prices")
        yaml_file.check_keys(document, ("currency", "placeholder", "devices"), str(self.path), "--prices")
        self.currency, self.placeholder = document.get("currency", "USD"), document.get("placeholder", False)
        if not isinstance(self.currency, str) or not 0 < len(self.currency) <= 16:
            self._refuse(document, "currency", "is not a text of 1 to 16 characters, such as USD")
        if not isinstance(self.placeholder, bool):
            self._refuse(document, "placeholder", "is neither true nor false")
        devices = document.get("devices")
        if not isinstance(devices, dict) or not devices:
            raise Fault(f"{self.path}: devices: is not a mapping of devices to prices of an hour", "--prices", document.lines.get("devices"))
        for name, price in devices.items():
            if isinstance(price, bool) or not isinstance(price, (int, float)) or not 0 < price <= MOST:
                raise Fault(f"{self.path}: devices.{name}: {files.canonical(price)} is not a price of an hour: a number above 0, at most {MOST:.0f}",
                            "--prices", devices.lines[name])
        self.devices = {name: float(price) for name, price in devices.items()}

    def document(self):
        return {"currency": self.currency, "placeholder": self.placeholder, "devices": self.devices}

    def check(self, machine):
        """That each device of a machine has one."""
        for one in machine.devices:
            if self._of(one["device"], one["device_name"]) is None:
                raise Fault(f"{self.path}: devices: has no price of {one['device']} ({one['device_name']}); it has {', '.join(self.devices)}",
                            "--prices")

    def dollars_per_hour(self, device, device_name, threads, workers, cores_used=None):
        """Of a core for each thread, or as many as were used where these are more: loaders have threads, too. Of a GPU for each
        worker. None where the file has none."""
        price = self._of(device, device_name)
        if price is None:
            return None
        return price * (max(threads * workers, cores_used or 0) if device == "cpu" else workers)

    def _of(self, device, device_name):
        """A name that the device's own contains goes before its kind; of several the longest."""
        named = max((name for name in self.devices if name not in ("cpu", "cuda") and name in (device_name or "")), key=len, default=device)
        return self.devices.get(named)

    def _refuse(self, document, key, why):
        raise Fault(f"{self.path}: {key}: {files.canonical(document[key])} {why}", "--prices", document.lines[key])
