# The packages of the python image, on those of the base image.
ARG PACKAGES
FROM ${PACKAGES}

# OpenBLAS computes matrices some ten times faster than the reference BLAS; the serial one starts no threads at import.
# scipy's package wants a C++ compiler for one function that nobody calls here (pythran's): it comes without it, last,
# since apt would no longer install anything. munkres is what fonttools takes in scipy's place.
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update \
 && apt-get install -y --no-install-recommends \
      libopenblas0-serial \
      python3-numpy python3-pandas python3-matplotlib python3-munkres \
      python3-requests python3-openpyxl python3-pil python3-pypdf python3-lxml \
      python3-decorator libgfortran5 liblbfgsb0 \
 && cd /tmp && apt-get download -o APT::Sandbox::User=root python3-scipy \
 && dpkg --install --force-depends python3-scipy_*.deb \
 && rm -rf /tmp/*.deb /var/lib/apt/lists/*

# Left out: test suites (100 MB), tables of Unicode that only building fonttools needs, and a .pth file that costs every
# start of Python 3 ms.
RUN cd /usr/lib/python3/dist-packages \
 && find numpy scipy pandas matplotlib mpl_toolkits sympy mpmath fontTools -type d -name tests -prune -exec rm -rf {} + \
 && rm -rf /usr/share/unicode matplotlib-*-nspkg.pth

# Charts go to files. The list of fonts, which matplotlib makes at first use, is made here; a guest's HOME starts with it.
RUN sed -i 's/^#* *backend *:.*/backend: Agg/' /etc/matplotlibrc \
 && mkdir -p /opt/cordon/home \
 && HOME=/opt/cordon/home python3 -c 'import matplotlib.pyplot as plot, mpl_toolkits.mplot3d; assert plot.get_backend().lower() == "agg"' \
 && python3 -c 'import scipy.linalg, scipy.optimize, scipy.signal, scipy.stats, sympy, pypdf, openpyxl, requests, lxml.etree, PIL.Image'
