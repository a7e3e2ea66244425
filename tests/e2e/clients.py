"""What real clients send, byte for byte.

simpod 0.6.5, simple-json 1.4.3, Infinity 3.11 and marcusolsson 1.4.0, as their
source and their traffic show them; through Grafana's proxy or straight from a
browser. @FROM@, @TO@ (ISO), @FROM_MS@, @TO_MS@, @FROM_S@, @TO_S@ stand for the
range; they are the only bytes that change.
"""
import datetime

PROXY = ("Host: heapwatch:9817\r\n"
         "User-Agent: Grafana/11.6.0\r\n"
         "Accept: application/json, text/plain, */*\r\n"
         "Accept-Language: en-US,en;q=0.9\r\n"
         "X-Grafana-Org-Id: 1\r\n"
         "X-Grafana-User: anna\r\n"
         "X-Panel-Id: 2\r\n"
         "X-Query-Group-Id: 8c7d\r\n"
         "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
         "X-Forwarded-For: 10.0.0.7\r\n")
BROWSER = ("Host: heapwatch:9817\r\n"
           "Connection: keep-alive\r\n"
           "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0.0.0\r\n"
           "Accept: application/json, text/plain, */*\r\n"
           "Origin: https://grafana.example\r\n"
           "Referer: https://grafana.example/\r\n"
           "Sec-Fetch-Mode: cors\r\n"
           "Accept-Language: en\r\n")
INFINITY = ("Host: heapwatch:9817\r\n"
            "User-Agent: Grafana/11.6.0 yesoreyeram-infinity-datasource/3.11.1\r\n"
            "Accept: application/json;q=0.9,text/plain\r\n"
            "Accept-Encoding: gzip\r\n"
            "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n")


def post(path, body, headers=PROXY):
    size = len(body.encode())
    return (f"POST {path} HTTP/1.1\r\n{headers}Content-Type: application/json\r\n"
            f"Content-Length: {size}\r\n\r\n{body}")


def get(path, headers=PROXY, kind="Content-Type: application/json\r\n"):
    return f"GET {path} HTTP/1.1\r\n{headers}{kind}\r\n"


def preflight(path, method="POST"):
    return (f"OPTIONS {path} HTTP/1.1\r\n{BROWSER}"
            f"Access-Control-Request-Method: {method}\r\n"
            "Access-Control-Request-Headers: content-type,x-grafana-device-id\r\n\r\n")


RANGE = '"range":{"from":"@FROM@","to":"@TO@","raw":{"from":"now-10m","to":"now"}}'


def panel(targets, more=""):
    """The body of a panel's request, as simpod 0.6.5 in Grafana 11 sends it."""
    return ('{"app":"dashboard","requestId":"SQR101","timezone":"browser",' + RANGE +
            ',"rangeRaw":{"from":"now-10m","to":"now"},"interval":"30s","intervalMs":30000,'
            '"maxDataPoints":700,"targets":[' + targets + '],"scopedVars":{"node":{"selected":false,'
            '"text":["plc-01","hist(3)"],"value":["plc-01","hist(3)"]},"__sceneObject":'
            '{"value":{}},"__interval":{"text":"30s","value":"30s"},"__interval_ms":'
            '{"text":"30000","value":30000}},"startTime":1795000000000,"scopes":[],'
            '"panelId":2,"panelPluginId":"timeseries","dashboardUID":"hw"' + more + '}')


def target(name, payload="{}", ref="A", more=""):
    return ('{"refId":"' + ref + '","datasource":{"type":"simpod-json-datasource","uid":"hw"},'
            '"editorMode":"builder","target":"' + name + '","payload":' + payload + more + '}')


def ask(name, payload="{}", **more):
    return post("/query", panel(target(name, payload), **more))


def simple(name, kind="timeserie", more=""):
    return post("/query", '{"requestId":"Q101","timezone":"",' + RANGE +
                ',"interval":"30s","intervalMs":30000,"maxDataPoints":700,"targets":[{"target":"'
                + name + '","refId":"A","hide":false,"type":"' + kind + '"}],"adhocFilters":['
                + more + '],"format":"json","panelId":2}')


def annotation(query):
    return post("/annotations", "{" + RANGE + ',"rangeRaw":{"from":"now-1h","to":"now"},'
                '"annotation":{"name":"starts","datasource":"hw","enable":true,'
                '"iconColor":"rgba(255, 96, 96, 1)","query":"' + query + '"}}')


def filled(request, from_ms, to_ms):
    """The bytes, with the range in them and the length that follows."""
    words = {"@FROM_MS@": str(from_ms), "@TO_MS@": str(to_ms),
             "@FROM_S@": str(from_ms // 1000), "@TO_S@": str(to_ms // 1000),
             "@FROM@": iso(from_ms), "@TO@": iso(to_ms)}
    head, _, body = request.partition("\r\n\r\n")
    for word, value in words.items():
        head, body = head.replace(word, value), body.replace(word, value)
    lines = [f"Content-Length: {len(body.encode())}" if line.startswith("Content-Length: ")
             else line for line in head.split("\r\n")]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def iso(ms):
    moment = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"
