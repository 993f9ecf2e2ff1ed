"""What a server that speaks HTTP and TLS to users can be asked, whatever product it is."""

from collections.abc import Mapping

from scaling_guide.probes.probe import Over, Probe
from scaling_guide.systems.web import api, frontend, host, http, sockets, tls

CURL = "curl -s {trusting}--resolve {site}:{https}:{address} https://{site}:{https}"
_HANDSHAKE = "openssl s_client -connect {address}:{https} -servername {site}"

PROBES: Mapping[str, Probe] = {
    "http": Probe(
        http.probe,
        by_hand={
            "": f"{CURL}/whoami -D -",
            "redirect": "curl -s -D - -o /dev/null -H 'Host: {site}' http://{address}:{http}/whoami",
            "hsts": f"for path in /whoami '/fail?status=404'; do {CURL}$path -D - -o /dev/null; done",
            "forwarded": f"{CURL}/whoami -H 'X-Forwarded-For: 203.0.113.7'",
            "spread": f"for n in $(seq {http.SPREAD}); do {CURL}/whoami -D - -o /dev/null; done "
            "| grep -i x-instance | sort | uniq -c",
            "sticky": f"for n in 1 2 3 4 5; do {CURL}/sticky/whoami -b sid=1 -b jar -c jar -D -; done",
        },
        requests=http.REQUESTS,
    ),
    "tls": Probe(
        tls.probe,
        by_hand={
            "": f"{_HANDSHAKE} -alpn h2,http/1.1 </dev/null",
            "versions": f"for v in -tls1 -tls1_1 -tls1_2 -tls1_3; do {_HANDSHAKE} $v "
            "-cipher ALL:@SECLEVEL=0 </dev/null 2>&1 | grep -E 'alert|Protocol|New,'; done",
            "TLSv1": f"{_HANDSHAKE} -tls1 -cipher ALL:@SECLEVEL=0 </dev/null",
            "TLSv1.1": f"{_HANDSHAKE} -tls1_1 -cipher ALL:@SECLEVEL=0 </dev/null",
            "ciphers": "nmap --script ssl-enum-ciphers -p {https} {address}",
            "unknown name": "openssl s_client -connect {address}:{https} "
            f"-servername {tls.UNKNOWN_NAME} </dev/null",
            "certificate": f"{_HANDSHAKE} -showcerts </dev/null | openssl x509 -noout -text",
        },
    ),
    "host": Probe(
        host.probe,
        by_hand={
            "": "stat -L -c '%a %U:%G %n' {key_file} {config}",
            "certificate": "openssl x509 -noout -serial -in {certificate}; "
            f"{_HANDSHAKE} </dev/null | openssl x509 -noout -serial",
        },
        over=Over.HOST,
        typed_on_host=True,
    ),
    "sockets": Probe(
        sockets.probe,
        by_hand={"": "ss -ltn src {address}"},
        over=Over.HOST,
        typed_on_host=True,
    ),
    "frontend": Probe(
        frontend.probe,
        by_hand={
            "": f"{CURL}{{page}} -D - -o /dev/null -H 'Accept-Encoding: gzip'",
            "page": f"{CURL}{{page}} -H 'Accept-Encoding: gzip' -D - -o /dev/null; "
            f"{CURL}{{page}} -H 'Accept-Encoding: gzip' | wc -c",
            "http/2": f"{CURL}{{page}} --http2 -D - -o /dev/null | head -n 1",
        },
        requests=frontend.PAGE_REQUESTS,
    ),
    "api": Probe(
        api.probe,
        by_hand={
            "": f"{CURL}{{api}} -D - -o /dev/null",
            "list": f"{CURL}'{{api}}?limit={api.LARGE}'",
        },
        requests=api.REQUESTS,
    ),
}
