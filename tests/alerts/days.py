"""What the rules must make of the recorded day: tests/alerts/day.txt.gz

A row: rule, service ("" for the machine), minutes from and to which it fires.
tests/alerts/record.py says what was done to the services and when.
"""
SLACK = 1.5  # minutes around each begin and end that are not looked at

ALERTS = [
]


def settled(minute):
    return all(abs(minute - edge) > SLACK for _, _, *edges in ALERTS for edge in edges)


def firing(minute):
    return {(rule, service) for rule, service, begin, end in ALERTS if begin <= minute <= end}
