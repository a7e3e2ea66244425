"""What the rules must make of the recorded day: tests/alerts/day.txt.gz

tests/alerts/record.py says what was done to the services and when. batch,
historian and press are healthy programs; press only collects too often.
"""
SLACK = 1.5  # minutes around each begin and end that are not looked at
END = 99

# rule, service ("" for the machine), minutes from and to which it fires
ALERTS = [
    ("gc_pressure_warning", "press", 2.5, 25.5),   # ends five minutes after it
    # telemetry leaks until it is started anew in minute 10
    ("state_critical", "telemetry", 5.5, 12.5),
    ("frag_ratio_critical", "telemetry", 6.5, 12.5),
    ("heap_util_critical", "telemetry", 6.5, 12.5),
    ("frag_ratio_warning", "telemetry", 8.5, 12.5),
    ("heap_util_warning", "telemetry", 9, 12.5),
    # leaks again, which maintenance of minutes 14.5 to 23.5 keeps quiet; is
    # started anew in minute 22, and leaks for the third time
    ("state_critical", "telemetry", 27.5, END),
    ("frag_ratio_critical", "telemetry", 28.5, END),
    ("heap_util_critical", "telemetry", 28.5, END),
    ("frag_ratio_warning", "telemetry", 30.5, END),
    ("heap_util_warning", "telemetry", 31, END),
    # killed in minutes 11, 12, 13 and 14, and started anew each time
    ("restart_loop", "historian", 12.5, 32),
    ("target_lost", "batch", 18, END),             # killed in minute 15
    ("target_lost", "press", 23, END),             # killed in minute 20
    ("oom_kill", "", 18.5, END),                   # minute 18, and later ones
]


def firing(minute):
    """{(rule, service)}"""
    return {(rule, service) for rule, service, begin, end in ALERTS if begin <= minute <= end}


def doubtful(minute):
    """Rules that begin or end to fire about then."""
    return {rule for rule, _, *edges in ALERTS for edge in edges if abs(minute - edge) <= SLACK}
