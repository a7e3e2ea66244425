#!/usr/bin/env python3
"""What takes longer to prove of the dashboards: check.py [types] [plugin] [pages], all by default.

types   Grafana's own types accept them (needs build/dashboards, from npm)
plugin  every question through the plugin's executable, by Grafana's SDK as host
pages   every dashboard drawn in Chromium with the data of a small plant, on a
        wall and on a phone: no panel is empty
screenshots MINUTES [URL]  the same after so long, kept in docs/screenshots;
        with a URL, of a plant (plant.py) that has been running for that time
"""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "e2e")]
sys.dont_write_bytecode = True
import asking  # noqa: E402
from heapwatch import until  # noqa: E402
from plant import SERVICES, Plant  # noqa: E402

WALL, PHONE = 1920, 390
PICKED = {"process": "uplink", "versions": "archive"}
# Kept as pictures; of the plant what a screen shows at once, of the others all.
KEPT = [("plant", WALL, 1080), ("plant", PHONE, 1800), ("process", WALL, 9999),
        ("gc", WALL, 9999), ("node", WALL, 9999), ("versions", WALL, 9999), ("self", WALL, 9999)]


def types():
    subprocess.run(["node", HERE / "types.mjs", ROOT / "build/dashboards"], check=True,
                   timeout=1200)


def collected(plant):
    """Most services had a collection, those that are picked for certain."""
    tables = plant.server.query("gc_last_cycle_seconds", {"format": "latest"})
    told = {word for table in tables for row in table.get("rows", []) for word in row}
    had = {name for name in SERVICES if name + plant.mark in told}
    return len(had) >= len(SERVICES) - 1 and {*PICKED.values(), "control"} <= had


def rounds(plant):
    return plant.server.get_json("/api/v1/status")["collector"]["ticks"]


def wait_settled(plant):
    """Until there are rates of all, and what a collection changes is read."""
    until(lambda: collected(plant), 600, "a collection in most services")
    begin = rounds(plant)
    until(lambda: rounds(plant) >= begin + 4, 120, "four more looks", 0.2)


# ---- the plugin ----

def cases(plant):
    """[(dashboard's name, row, title, target, runtime)] and the bodies for variables."""
    found, variables = [], []
    for name, dashboard in asking.load("grafana").items():
        for v in asking.variables(dashboard):
            body = {"target": v["query"]["target"], **asking.fill(
                v["query"]["payload"], {w["name"]: ".*" for w in asking.variables(dashboard)})}
            variables.append({"payload": body})
        ones = {"process": [("uplink", "go"), ("control", "jvm")],
                "versions": [("archive", "go")]}.get(name, [(None, None)])
        for service, runtime in ones:
            values = asking.chosen(dashboard, {}, **(
                {"service": service + plant.mark} if service else {}))
            found += [(name, row, title, {**target, "refId": "A"}, runtime)
                      for row, title, target in asking.questions(dashboard, values)]
    return found, variables


def through_plugin(questions):
    with tempfile.TemporaryDirectory() as folder:
        files = {"QUESTIONS": f"{folder}/questions", "ANSWERS": f"{folder}/answers"}
        pathlib.Path(files["QUESTIONS"]).write_text(json.dumps(questions))
        subprocess.run([ROOT / "tests/grafana-host/run", "dashboards"], check=True, timeout=1800,
                       env={**os.environ, **files})
        return json.loads(pathlib.Path(files["ANSWERS"]).read_text())


def plugin(plant):
    found, variables = cases(plant)
    told = through_plugin({"URL": plant.server.url, "Queries": [c[3] for c in found],
                           "Variables": variables})
    wrong = [f"no value: {body}" for body, values in zip(variables, told["variables"])
             if not values]
    for (name, row, title, target, runtime), answer in zip(found, told["queries"]):
        where = f"{name}, {title}: {target['target']} {target['payload']}"
        wanted = asking.expected(name, row, title, target["target"], runtime)
        if answer["error"]:
            wrong.append(f"{where}: {answer['error']}")
        if wanted and not answer["full"]:
            wrong.append(f"{where}: empty {answer['notices']}")
        if wanted:
            wrong += [f"{where}: notice {n}" for n in answer["notices"]
                      if not asking.INTENDED.search(n)]
        if answer["bare"]:
            wrong.append(f"{where}: {answer['bare']} numbers without a unit")
    assert len(found) == len(told["queries"]) > 100
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(found)} questions and {len(variables)} variables through the plugin")


# ---- pages ----

def draw(url, mark, name, width, minutes, folder, most=9999):
    """The picture of a dashboard; its titles of panels without data."""
    page, picture = folder / f"{name}-{width}.html", folder / f"{name}-{width}.png"
    pick = [f"service={PICKED[name]}{mark}"] if name in PICKED else []
    done = subprocess.run(
        ["node", HERE / "draw.mjs", ROOT / f"dashboards/grafana/{name}.json", url, page,
         str(width), str(minutes), *pick], check=True, timeout=600, stdout=subprocess.PIPE,
        env={**os.environ, "HEAPWATCH_MODULES": str(ROOT / "build/grafana-data")})
    told = json.loads(done.stdout)
    home = folder / "home"
    subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--user-data-dir={home}", f"--window-size={width},{min(most, told['height'])}",
         f"--screenshot={picture}", page.as_uri()],
        check=True, timeout=600, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert picture.stat().st_size > 20000, f"{picture} shows nothing"
    return picture, [t for t in told["empty"] if (name, t) not in asking.EMPTY]


@contextlib.contextmanager
def scratch():
    """A folder in which a browser that has ended may still be writing."""
    folder = tempfile.mkdtemp(prefix="heapwatch-pages-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def pages(plant):
    empty = []
    with scratch() as folder:
        for name in asking.load("grafana"):
            for width in (WALL, PHONE):
                _, found = draw(plant.server.url, plant.mark, name, width, 2,
                                pathlib.Path(folder))
                empty += [f"{name} at {width}: {title}" for title in found]
    if empty:
        sys.exit("panels without data: " + ", ".join(empty))
    print("every dashboard is drawn, on a wall and on a phone")


def keep(url, minutes):
    """All pictures of a plant without a mark."""
    kept = ROOT / "docs" / "screenshots"
    kept.mkdir(exist_ok=True)
    with scratch() as folder:
        for name, width, most in KEPT:
            picture, _ = draw(url, "", name, width, minutes, pathlib.Path(folder), most)
            size = "phone" if width == PHONE else "wall"
            subprocess.run(["pngquant", "--force", "--speed", "1", "--output",
                            kept / f"{name}-{size}.png", "128", picture], check=True, timeout=120)


def screenshots(minutes):
    with Plant() as plant:
        time.sleep(minutes * 30)
        plant.renew()
        time.sleep(minutes * 30)
        keep(plant.server.url, minutes)


def main():
    what = sys.argv[1:] or ["types", "plugin", "pages"]
    if what[0] == "screenshots":
        keep(what[2], float(what[1])) if len(what) > 2 else screenshots(float(what[1]))
        return
    if "types" in what:
        types()
    if {"plugin", "pages"} & set(what):
        with Plant(mark=f"-{os.getpid()}") as plant:
            wait_settled(plant)
            if "plugin" in what:
                plugin(plant)
            if "pages" in what:
                pages(plant)


if __name__ == "__main__":
    main()
