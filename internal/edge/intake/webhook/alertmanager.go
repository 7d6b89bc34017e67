package webhook

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/loop/detect"
)

// message is what Alertmanager posts, and Grafana with some fields of its own.
type message struct {
	Version         string `json:"version"`
	TruncatedAlerts int    `json:"truncatedAlerts"`
	ExternalURL     string `json:"externalURL"`
	Alerts          []struct {
		Status       string            `json:"status"`
		Labels       map[string]string `json:"labels"`
		Annotations  map[string]string `json:"annotations"`
		StartsAt     time.Time         `json:"startsAt"`
		EndsAt       time.Time         `json:"endsAt"`
		GeneratorURL string            `json:"generatorURL"`
		Fingerprint  string            `json:"fingerprint"`
	} `json:"alerts"`
}

// alertmanager reads a message of Alertmanager (payload 4) or Grafana (1). Each alert of a group is one of ours: groups
// change, fingerprints do not. It fires until the sender says that it is over: it repeats an alert only every few hours.
func alertmanager(q detect.Sent) (out detect.Read, err error) {
	var m message
	if err := json.Unmarshal(q.Body, &m); err != nil {
		return out, invalid("this is not a message of Alertmanager's webhook: %s", err)
	}
	if len(m.Alerts) == 0 {
		return out, invalid("the message has no alerts; for a payload of your own use the generic webhook")
	}
	if m.TruncatedAlerts > 0 {
		out.Note = fmt.Sprintf("the sender leaves alerts out of its messages, %d of this one; raise max_alerts of its webhook", m.TruncatedAlerts)
	}
	for _, a := range m.Alerts {
		maps.DeleteFunc(a.Labels, func(_, value string) bool { return value == "" })
		if len(a.Labels) == 0 {
			return out, invalid("an alert of the message has no labels")
		}
		in := detect.Incoming{
			Source: "alertmanager", Key: cmp.Or(a.Fingerprint, door.Fingerprint(a.Labels)), Labels: a.Labels, Annotations: a.Annotations,
			URL: cmp.Or(door.Link(a.GeneratorURL), door.Link(m.ExternalURL)), StartsAt: a.StartsAt,
		}
		switch a.Status {
		case "firing":
		case "resolved":
			in.EndsAt = over(a.EndsAt, q.Now)
		default:
			return out, invalid("status of an alert is %.40q; it is firing or resolved", a.Status)
		}
		out.Alerts = append(out.Alerts, in)
	}
	return out, nil
}
