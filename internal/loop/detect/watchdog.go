package detect

import "strings"

// Watchdog is the source of alerts that only try the way from an alert to a person. They take it as every alert does, but
// no rule, silence or inhibition has a say in them, each is a group of its own, and no list of alerts has them.
const Watchdog = "watchdog"

// SyntheticPrefix begins the ids of groups of the watchdog's alerts. What belongs to such a group is kept from people: its
// page, its notification and its facts.
const SyntheticPrefix = "wd_"

// Synthetic reports whether the group is one of the watchdog's.
func (g GroupID) Synthetic() bool { return strings.HasPrefix(string(g), SyntheticPrefix) }

// synthetic reports whether an alert is one of the watchdog's.
func (a Alert) synthetic() bool { return a.Source == Watchdog }
