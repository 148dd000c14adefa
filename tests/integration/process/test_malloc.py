import json
import subprocess
import sys

#: Joins a page's chunks while the other threads of an exporter allocate what stays, and lets them go.
SCRAPE = """
import json, random
import psutil
from exporter.metrics.names import metric_name
from exporter.metrics.series import Series
from exporter.process.malloc import limit_malloc
from exporter.web.body import in_chunks

limit_malloc()
chance = random.Random(1)
series = Series(metric_name, str)
for number in range(400):
    fields = {f"someField{field}": round(chance.random() * 10 ** chance.randrange(5), 1) for field in range(76)}
    series.update(series.add("pbd", f"UMD{number:07}"), fields)
process = psutil.Process()
# the heap has no room left that was free from the start
full = [bytes(600) for _ in range(20_000)]
before = process.memory_info().rss
chunks, beside = [], []
for _ in range(8):
    for chunk in in_chunks(series.snapshot().pieces):
        chunks.append(chunk)
        beside.append(bytes(600))
most, size = process.memory_info().rss, sum(map(len, chunks))
chunks.clear()
del chunk
print(json.dumps([before, most, process.memory_info().rss, size]))
"""


def test_what_a_scrape_took_goes_back_though_what_came_beside_it_stays() -> None:
    script = subprocess.run([sys.executable, "-c", SCRAPE], capture_output=True, text=True, check=True, timeout=60)
    before, most, after, size = json.loads(script.stdout)
    assert most - before > size * 0.5
    assert after - before < size * 0.05


#: Frees a large block before the limits are set, as importing modules does, and then many small ones at the heap's end.
SMALL = """
import json
import psutil
from exporter.process.malloc import limit_malloc

bytes(8_000_000)
limit_malloc()
process = psutil.Process()
before = process.memory_info().rss
small = [bytes(5000) for _ in range(2000)]
most = process.memory_info().rss
small.clear()
print(json.dumps([before, most, process.memory_info().rss]))
"""


def test_the_end_of_the_heap_goes_back_whatever_was_freed_before() -> None:
    script = subprocess.run([sys.executable, "-c", SMALL], capture_output=True, text=True, check=True, timeout=60)
    before, most, after = json.loads(script.stdout)
    assert most - before > 5_000_000
    assert after - before < 1_000_000
