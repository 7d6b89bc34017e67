package pagerduty

import (
	"encoding/json"
	"strings"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// eventV1 is what clients of version 1 send.
type eventV1 struct {
	ServiceKey  string          `json:"service_key"`
	Type        string          `json:"event_type"`
	IncidentKey string          `json:"incident_key"`
	Description string          `json:"description"`
	Client      string          `json:"client"`
	ClientURL   string          `json:"client_url"`
	Details     json.RawMessage `json:"details"`
	Contexts    []struct {
		Type string `json:"type"`
		Href string `json:"href"`
		Text string `json:"text"`
	} `json:"contexts"`
}

// parseV1 reads an event of version 1 as one of version 2. How bad it is, it says in its details if at all.
func parseV1(body []byte) (*event, error) {
	var o eventV1
	if err := json.Unmarshal(body, &o); err != nil {
		return nil, unrecognized()
	}
	e := &event{RoutingKey: o.ServiceKey, Action: o.Type, DedupKey: o.IncidentKey, Client: o.Client, ClientURL: o.ClientURL, Payload: &payload{Summary: o.Description, Details: o.Details}, old: true}
	d := e.details()
	e.Payload.Severity = strings.ToLower(d["severity"])
	e.Payload.Source = first(d, "source", "host", "hostname", "HOSTNAME")
	for _, c := range o.Contexts {
		if c.Type == "link" {
			e.Links = append(e.Links, link{c.Href, c.Text})
		}
	}
	return e, nil
}

// Formats are both versions of PagerDuty's Events API.
func Formats(c func() *catalog.Catalog) []detect.Format {
	read := func(parse func([]byte) (*event, error)) func(detect.Sent) (detect.Read, error) {
		return func(q detect.Sent) (out detect.Read, err error) {
			e, err := parse(q.Body)
			if err != nil {
				return out, errs.New(errs.Invalid, "%s: %s", errs.Message(err), refused(err))
			}
			if e.Action == "acknowledge" {
				out.Note = "it acknowledges the alert with the key " + e.DedupKey
				return out, nil
			}
			in, err := e.read(c(), q.Now)
			if why := refused(err); why != "" {
				return out, errs.New(errs.Invalid, "%s", why)
			}
			out.Alerts = []detect.Incoming{in}
			return out, err
		}
	}
	return []detect.Format{
		{Name: "pagerduty", Title: "PagerDuty's Events API v2", Path: Prefix + "v2/enqueue", Sample: sampleV2, Read: read(parse)},
		{Name: "pagerduty-v1", Title: "PagerDuty's Events API v1", Path: Prefix + "generic/2010-04-15/create_event.json", Sample: sampleV1, Read: read(parseV1)},
	}
}

const (
	sampleV2 = `{
  "routing_key": "TOKEN",
  "event_action": "trigger",
  "dedup_key": "disk-db-1",
  "payload": {
    "summary": "the disk of db-1 is full",
    "source": "db-1",
    "severity": "critical",
    "component": "payments",
    "custom_details": {"free": "0 B"}
  }
}`
	sampleV1 = `{
  "service_key": "TOKEN",
  "event_type": "trigger",
  "incident_key": "disk-db-1",
  "description": "the disk of db-1 is full",
  "client": "Nagios",
  "client_url": "https://nagios.example.org",
  "details": {"service": "payments", "host": "db-1"}
}`
)
