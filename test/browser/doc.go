// Package browser tests the web pages in a real browser, against the real services on SQLite: what people see, press and
// hear of by the live feed, in both themes, wide and narrow. The fleet behind it is made up; nothing of ours is faked but
// telemetry engine, accounts and the target of experiments.
package browser
