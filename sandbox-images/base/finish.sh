#!/bin/sh
# Last step of an image: puts the guest's parts in their places, then takes away what a guest must not find.
set -eu

mkdir -p /workspace /run/cordon /opt/cordon/home
chown 10001:10001 /workspace
chmod -R u=rwX,go=rX /opt/cordon

# `import cordon` and the command work in whatever a run starts.
for package in /opt/cordon/python/*/; do ln -s "${package%/}" /usr/lib/python3/dist-packages/; done
# Ours comes before a `cordon.py` in the folder that a program was started in.
echo 'import _cordon.first' > /usr/lib/python3/dist-packages/cordon.pth
if [ -e /opt/cordon/bin/cordon ]; then ln -s /opt/cordon/bin/cordon /usr/local/bin/cordon; fi

# A hook for reports of crashes, read at every start of Python.
rm -f /etc/python3*/sitecustomize.py /usr/lib/python3*/sitecustomize.py
# The root is read-only later: everything is compiled now. Cordon's own parts never change, and are not looked at again.
python3 -m compileall -q /usr/lib/python3*/
python3 -m compileall -q -f --invalidation-mode unchecked-hash /opt/cordon

# Package managers. The list of what is installed stays, for scanners of vulnerabilities.
installed=/var/lib/dpkg/status
cp "$installed" /status
managers=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' |
  sed -nE 's/^installed (apt|libapt-pkg.*|dpkg|gpgv|debconf|debian-archive-keyring)$/\1/p')
# shellcheck disable=SC2086 # one word each
dpkg -L $managers > /list
while read -r path; do
  if [ ! -d "$path" ]; then rm -f "$path"; fi
done < /list
rm -rf /etc/apt /etc/dpkg /var/cache /var/lib/apt /var/lib/dpkg /var/lib/pam /var/lib/systemd /usr/share/debconf \
  /usr/bin/cpan /usr/bin/cpan5*
mkdir -p /var/lib/dpkg /var/cache
mv /status "$installed"

# Documents (licences stay), logs, backups of account files, whatever the build left.
find /usr/share/doc -type f ! -name copyright -delete
find /usr/share/doc -type d -empty -delete
rm -rf /usr/share/man /usr/share/info /usr/share/lintian /usr/share/bug /var/log/* /root/.[a-z]* /tmp/* /tmp/.[a-z]* \
  /etc/*- /var/backups /finish.sh /list

# Nothing raises privileges, and only /tmp is everybody's to write.
find / -xdev -perm /6000 -exec chmod a-s {} +
find / -xdev -type d -perm -0002 ! -path /tmp -exec chmod o-w {} +
chmod 1777 /tmp

# The image must not be finished when one of these came back.
hash -r
for name in apt apt-get dpkg dpkg-query pip pip3 npm cpan; do
  if command -v "$name"; then echo "$name is still there" >&2; exit 1; fi
done
if find / -xdev -perm /6000 | grep .; then echo 'these raise privileges' >&2; exit 1; fi
