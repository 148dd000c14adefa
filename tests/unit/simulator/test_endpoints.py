from exporter.simulator.endpoints import ENDPOINTS, Subject


def test_the_paths_are_those_of_the_api() -> None:
    paths = {
        subject: {endpoint.type: path for path, endpoint in ENDPOINTS.items() if endpoint.subject is subject}
        for subject in Subject
    }
    assert paths == {
        Subject.LATEST: {
            "pbd": "pbd/data-last",
            "pcs": "pcs/data-last",
            "hps_central": "hps/data-last",
            "hps_string": "hps/data-last-small",
            "bcu": "bms/bcu-data-last",
            "mbms": "bms/mbms-data-last",
        },
        Subject.HISTORY: {
            "pbd": "pbd/data-list",
            "pcs": "pcs/data-list",
            "hps_central": "hps/data-list",
            "hps_string": "hps/data-list-small",
            "bcu": "bms/bcu-data-list",
            "mbms": "bms/mbms-data-list",
        },
        Subject.BASE_INFO: {
            "pbd": "pbd/base-info/list",
            "pcs": "pcs/base-info/list",
            "hps_central": "hps/big-base-info/list",
            "hps_string": "hps/small-base-info/list",
            "bcu": "bms/buc-base-info/list",
            "mbms": "bms/mbms-base-info/list",
        },
        Subject.SETTINGS: {
            "pbd": "pbd/setting",
            "pcs": "pcs/setting",
            "hps_central": "hps/big-setting",
            "hps_string": "hps/small-setting",
            "bcu": "bms/bcu-setting",
            "mbms": "bms/mbms-setting",
        },
    }
