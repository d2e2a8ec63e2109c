# Prints what an image holds, by name, as JSON: its label org.cordon.versions.
import importlib.metadata
import json
import platform
import re
import shutil
import sqlite3
import subprocess

versions = {"debian": open("/etc/debian_version").read().strip(), "python": platform.python_version()}
for name in ("bash", "git", "curl", "jq", "node"):
    if shutil.which(name):
        said = subprocess.run([name, "--version"], capture_output=True, text=True).stdout
        versions[name] = re.search(r"\d+(\.\d+)+", said).group()
versions["sqlite"] = sqlite3.sqlite_version
for name in ("numpy", "scipy", "pandas", "matplotlib", "requests", "openpyxl", "pillow", "pypdf", "lxml"):
    try:
        versions[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(versions))
