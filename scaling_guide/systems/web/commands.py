"""Certificates of load balancers: a new one judged before it is used, and the one that is served."""

import shlex
from typing import Any

from scaling_guide.model.target import LoadBalancer
from scaling_guide.render.commands.situation import Situation

# the groups of servers in the documented files that have a line for each server of the application
BACKENDS = ("app", "app_sticky")


def commands(target: LoadBalancer, found: Situation) -> dict[str, Any]:
    """The names that a template may use at a load balancer."""
    environment = found.environment
    site, used, new = (
        shlex.quote(each) for each in (environment.site, target.certificate, f"{target.certificate}.new")
    )
    key = shlex.quote(f"{target.certificate}.new.key")
    trust = f"-CAfile {shlex.quote(target.trust)} " if target.trust else ""
    days = found.guide.facts["certificate-days-left"].value(environment.tier)
    served = (
        f"timeout 5 openssl s_client -connect {target.address}:{target.https} -servername {site}"
        " < /dev/null 2> /dev/null | openssl x509 -noout -serial -enddate"
    )

    def user_reads(path: str, times: int = 10) -> str:
        """Reads as a user makes them; how many were answered, and the slowest. Fails where one was not."""
        url = f"https://{environment.site}:{target.https}{path}"
        cacert = f"--cacert {shlex.quote(target.trust)} " if target.trust else ""
        return (
            f"for i in $(seq {times}); do "
            f"curl -sS -m 5 -o /dev/null -w '%{{http_code}} %{{time_total}}\\n' {cacert}"
            f"--resolve {environment.site}:{target.https}:{target.address} {shlex.quote(url)}; done | "
            "awk '$1 >= 200 && $1 < 400 {ok++} {n++; if ($2 > slowest) slowest = $2} "
            'END {printf "%d of %d answered, the slowest in %.3f s\\n", ok, n, slowest; exit !n || ok < n}\''
        )

    return {
        "user_reads": user_reads,
        "certificate_new": new,
        "certificate_new_key": key,
        "certificate_good": f"openssl x509 -in {new} -noout -checkend {days * 86400} &&\n"
        f"openssl x509 -in {new} -noout -checkhost {site} | grep 'does match' &&\n"
        f"openssl verify {trust}-untrusted {new} {new} &&\n"
        f'test "$(openssl x509 -in {new} -noout -pubkey)" = "$(openssl pkey -in {key} -pubout)"',
        "certificate_served": served,
        # grep and not test: two empty answers would be equal
        "certificate_is_served": f'{served} |\ngrep -qxF "$(openssl x509 -noout -serial -in {used})"',
    }
