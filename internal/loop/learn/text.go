package learn

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/loop/respond/diagnose"
)

// names of causes for people.
var names = map[string]string{
	diagnose.RetryStorm:     "a retry storm",
	diagnose.Slow:           "slowness",
	diagnose.Errors:         "failures",
	diagnose.Crash:          "a crash",
	diagnose.Hang:           "hanging",
	diagnose.PoolExhaustion: "an exhausted connection pool",
	diagnose.TrafficSurge:   "a surge of traffic",
	diagnose.BadDeploy:      "a bad release",
	diagnose.DataCorruption: "damaged data",
	diagnose.Unknown:        "an unknown cause",
}

func spoken(kind string) string {
	if n, ok := names[kind]; ok {
		return n
	}
	return strings.ReplaceAll(kind, "_", " ")
}

// span writes a duration as people read it: 47 s, 2 min 13 s, 1 h 5 min.
func span(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		if s := int(d.Seconds()) % 60; s > 0 {
			return fmt.Sprintf("%d min %d s", int(d.Minutes()), s)
		}
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	if m := int(d.Minutes()) % 60; m > 0 {
		return fmt.Sprintf("%d h %d min", int(d.Hours()), m)
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for k := len(s) - 3; k > 0 && s[k-1] != '-'; k -= 3 {
		s = s[:k] + "," + s[k:]
	}
	return s
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

func codes(ss []string) string {
	out := make([]string, len(ss))
	for k, s := range ss {
		out[k] = "`" + s + "`"
	}
	return strings.Join(out, ", ")
}

// plain makes a recorded text safe inside a line of Markdown: one line, no HTML.
func plain(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(strings.TrimSuffix(s, "."))
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
