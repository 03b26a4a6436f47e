"""Addresses that are refused, addresses that pass, and a resolver that says what it is told to."""

from __future__ import annotations

from chat.relay.address_guard import Lookup

LOOPBACK = ("127.0.0.0/8", "::1/128")

REFUSED = """
http://api.example.com/v1
ftp://api.example.com/v1
file:///etc/passwd
javascript:alert(1)
//api.example.com/v1
api.example.com/v1
https:/v1
https://
https://:8443/v1
https://user@api.example.com/v1
https://user:word@api.example.com/v1
https://api.example.com@127.0.0.1/v1
https://@api.example.com/v1
https://127.0.0.1\\@api.example.com/v1
https://api.example.com/v1?key=1
https://api.example.com/v1?
https://api.example.com/v1#part
https://api.example.com/v1#
https://api.example.com:0/v1
https://api.example.com:65536/v1
https://api.example.com:-1/v1
https://api.example.com:port/v1
https://api.example.com:/v1
https://api.example.com./v1
https://api..example.com/v1
https://api%2eexample.com/v1
https://api.example.com/v1/../admin
https://api.example.com/%2e%2e/admin
https://api.example.com//evil.example/v1
https://api.example.com/v1 /x
https://127.0.0.1/v1
https://127.0.0.1:8443/v1
https://127.0.0.2/v1
https://127.255.255.254/v1
https://127.1/v1
https://127.0.1/v1
https://2130706433/v1
https://0x7f.1/v1
https://0X7F000001/v1
https://0x7f.0x0.0x0.0x1/v1
https://0177.0.0.1/v1
https://017700000001/v1
https://0127.0.0.1/v1
https://1.2.3.4.5/v1
https://api.example.127/v1
https://127.0.0.1./v1
https://0/v1
https://0.0.0.0/v1
https://localhost/v1
https://LOCALHOST/v1
https://localhost./v1
https://api.localhost/v1
https://localhost.localdomain/v1
https://ip6-localhost/v1
https://10.0.0.1/v1
https://172.16.0.1/v1
https://172.31.255.255/v1
https://192.168.1.1/v1
https://100.64.0.1/v1
https://100.127.255.255/v1
https://169.254.0.1/v1
https://169.254.169.254/latest/meta-data
https://169.254.170.2/v1
https://100.100.100.200/v1
https://168.63.129.16/v1
https://192.0.0.192/v1
https://192.0.2.1/v1
https://198.18.0.1/v1
https://198.51.100.7/v1
https://203.0.113.9/v1
https://224.0.0.1/v1
https://239.255.255.250/v1
https://240.0.0.1/v1
https://255.255.255.255/v1
https://2852039166/latest
https://0xa9fea9fe/latest
https://[::1]/v1
https://[::]/v1
https://[0:0:0:0:0:0:0:1]/v1
https://[::ffff:127.0.0.1]/v1
https://[::ffff:7f00:1]/v1
https://[::ffff:10.0.0.1]/v1
https://[::ffff:169.254.169.254]/v1
https://[::127.0.0.1]/v1
https://[fe80::1]/v1
https://[fe80::1%25eth0]/v1
https://[fe80::1%eth0]/v1
https://[fec0::1]/v1
https://[fc00::1]/v1
https://[fd12:3456::1]/v1
https://[fd00:ec2::254]/v1
https://[ff02::1]/v1
https://[2001:db8::1]/v1
https://[3fff::1]/v1
https://[2001:0:7f00:1::1]/v1
https://[2002:7f00:1::1]/v1
https://[2002:a9fe:a9fe::1]/v1
https://[64:ff9b::127.0.0.1]/v1
https://[64:ff9b::a9fe:a9fe]/v1
https://[64:ff9b:1::a00:1]/v1
https://[100::1]/v1
https://[v1.abc]/v1
https://[127.0.0.1]/v1
https://[::1/v1
https://１２７.0.0.1/v1
https://127。0。0。1/v1
https://①②⑦.0.0.1/v1
https://api．example．com/v1
https://ｌｏｃａｌｈｏｓｔ/v1
https://münchen.example/v1
""".strip().splitlines()

ALLOWED = """
https://api.holysheep.ai/v1
https://api.holysheep.ai/v1/
https://API.Example.COM/v1
https://api.example.com
https://api.example.com:8443/openai/v1
https://xn--mnchen-3ya.example/v1
https://relay/v1
https://relay_one.internal/v1
https://1.1.1.1/v1
https://8.8.8.8:443/v1
https://172.32.0.1/v1
https://100.128.0.1/v1
https://[2606:4700:4700::1111]/v1
https://[64:ff9b::1.1.1.1]/v1
https://[::ffff:1.1.1.1]/v1
""".strip().splitlines()


def knows(*answers: list[str] | OSError) -> Lookup:
    """A resolver that gives these answers in turn, the last one for ever."""
    left = list(answers)

    async def lookup(host: str, port: int) -> list[str]:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, OSError):
            raise answer
        return answer

    return lookup
