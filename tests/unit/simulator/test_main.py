import signal

import pytest


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--site", "--fleet", "3"],
        ["--devices", "toaster:1"],
        ["--devices", "pbd"],
        ["--site", "--fault", "pbd:UMD0D23202=timeout"],
        ["--site", "--fault", "pbd:UMD0D23202"],
        ["--site", "--fault", "pbd:UMD0D23202=7.0"],
        ["--site", "--fault", "pcs:PND0D21507=2.16"],
        ["--site", "--fault", "pcs:PND0D21507=2.3,"],
        ["--site", "--fault", "bcu:BCD0D24101=1.0"],
        ["--site", "--fault", "pbd:NOSUCH=2.3"],
        ["--site", "--timezone", "Mars/Olympus"],
        ["--site", "--start", "noon"],
        ["--site", "--upload-interval", "0"],
        ["--site", "--listen", "127.0.0.1"],
    ],
)
def test_mistakes_end_with_exit_2_and_no_traceback(options: list[str]) -> None:
    from exporter.simulator.__main__ import main

    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    # or whatever the caller starts afterwards would be deaf to SIGTERM
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
