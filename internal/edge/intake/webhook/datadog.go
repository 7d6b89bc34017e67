package webhook

import (
	"cmp"
	"encoding/json"
	"regexp"
	"strings"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/loop/detect"
)

// event is what Datadog's webhooks integration posts: its default payload, and the fields that docs/alerts.md adds.
type event struct {
	ID         any    `json:"id"`
	Title      string `json:"title"`
	Body       string `json:"body"`
	Link       string `json:"link"`
	Tags       string `json:"tags"`
	Hostname   string `json:"hostname"`
	Scope      string `json:"alert_scope"`
	CycleKey   string `json:"alert_cycle_key"`
	AlertID    string `json:"alert_id"`
	Transition string `json:"alert_transition"`
	Type       string `json:"alert_type"`
	Priority   string `json:"alert_priority"`
}

// bracket is what Datadog puts before the title of a monitor's event: "[Triggered on {host:web-1}] CPU is high".
var bracket = regexp.MustCompile(`^\[(?:P[1-5]\] *\[)?([A-Za-z][A-Za-z -]*?)(?: on (\{[^}]*\}|[^\]]*))?\] *`)

func datadog(q detect.Sent) (detect.Read, error) {
	var e event
	if err := json.Unmarshal(q.Body, &e); err != nil {
		return detect.Read{}, invalid("this is not an event of Datadog's webhook: %s", err)
	}
	title, transition, scope := e.Title, e.Transition, e.Scope
	if m := bracket.FindStringSubmatch(title); m != nil {
		title = title[len(m[0]):]
		transition, scope = cmp.Or(transition, m[1]), cmp.Or(scope, strings.Trim(m[2], "{}"))
	}
	if title == "" && e.AlertID == "" && e.CycleKey == "" {
		return detect.Read{}, invalid("the event has no title and no alert_id; take the payload from the documentation")
	}
	in := detect.Incoming{
		Source: "datadog", Title: title, Severity: cmp.Or(e.Priority, e.Type), URL: door.Link(e.Link),
		Labels: map[string]string{}, Annotations: map[string]string{},
	}
	for _, list := range []string{e.Tags, scope} {
		for tag := range strings.SplitSeq(list, ",") {
			if name, value, ok := strings.Cut(strings.TrimSpace(tag), ":"); ok && name != "" && value != "" {
				in.Labels[name] = value
			}
		}
	}
	if e.Hostname != "" {
		in.Labels["host"] = e.Hostname
	}
	if e.Body != "" {
		in.Annotations["description"] = e.Body
	}
	// Without a key of Datadog's, the monitor and what it speaks of are it: ids are of single events.
	in.Key = e.CycleKey
	if in.Key == "" {
		in.Key = cmp.Or(e.AlertID, title) + " " + scope
	}
	// "Recovered", "Warn Recovered" and "No Data Recovered" are over; "Re-Triggered", "Warn", "No Data" and "Renotify" are not.
	if strings.HasSuffix(strings.ToLower(transition), "recovered") || (transition == "" && e.Type == "success") {
		in.EndsAt = q.Now
	}
	return detect.Read{Alerts: []detect.Incoming{in}}, nil
}
