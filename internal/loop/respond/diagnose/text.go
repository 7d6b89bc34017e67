package diagnose

import (
	"fmt"
	"strings"
	"time"
)

// sayings put a kind of cause into words; the name of the service goes into the gap.
var sayings = map[string]string{
	RetryStorm:     "%s became slow and its callers' retries bury it: a retry storm",
	Slow:           "%s became slow itself",
	Errors:         "%s fails by itself",
	Crash:          "%s is down: it takes no calls",
	Hang:           "%s takes calls and does not answer",
	PoolExhaustion: "%s has run out of connections in its own pool",
	TrafficSurge:   "%s gets more traffic than it can serve",
	BadDeploy:      "%s went wrong with a new version",
	DataCorruption: "%s reports damaged data",
}

func summarise(d Diagnosis) string {
	top := d.Top()
	if top.Kind == Unknown {
		return "No cause found: nothing stands out against the time before."
	}
	out := fmt.Sprintf(sayings[top.Kind], top.Service)
	if len(top.Evidence) > 0 {
		out += ". " + strings.ToUpper(top.Evidence[0].Text[:1]) + top.Evidence[0].Text[1:]
	}
	return out + "."
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05") + " UTC" }

// cut keeps the first line of a text, and n bytes of it.
func cut(s string, n int) string {
	s, _, _ = strings.Cut(s, "\n")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

func orNone(s string) string {
	if s == "" {
		return "not reported"
	}
	return s
}

func window(s Scene) string {
	return fmt.Sprintf("from=%d&to=%d", s.Onset.Add(-time.Minute).UnixMilli(), s.Now.UnixMilli())
}

func traces(service string, s Scene) string {
	return "/traces?service=" + service + "&errors=1&" + window(s)
}

func profile(service string, s Scene) string {
	return "/services/" + service + "/profile?" + window(s)
}

func logLink(service string, s Scene) string {
	return "/logs?service=" + service + "&level=ERROR&" + window(s)
}
