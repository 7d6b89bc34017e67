package pagerduty

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/observe"
)

// event is what clients send to either address.
type event struct {
	RoutingKey string   `json:"routing_key"`
	Action     string   `json:"event_action"`
	DedupKey   string   `json:"dedup_key"`
	Payload    *payload `json:"payload"`
	Client     string   `json:"client"`
	ClientURL  string   `json:"client_url"`
	Links      []link   `json:"links"`

	old bool // of version 1, which knows no source and no severity
}

// payload is what an event says.
type payload struct {
	Summary   string          `json:"summary"`
	Source    string          `json:"source"`
	Severity  string          `json:"severity"`
	Timestamp string          `json:"timestamp"`
	Component string          `json:"component"`
	Group     string          `json:"group"`
	Class     string          `json:"class"`
	Details   json.RawMessage `json:"custom_details"`
}

type link struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

func unrecognized() error {
	return &refusal{http.StatusBadRequest, "Unrecognized object", "Event object format is unrecognized", []string{"JSON parse error"}}
}

func parse(body []byte) (*event, error) {
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, unrecognized()
	}
	return &e, nil
}

// Lengths as PagerDuty has them.
const (
	maxDedupKey = 255
	maxSummary  = 1024
	maxDetails  = 10_000 // runes of custom_details that are kept
)

func (s *server) enqueue(v *door.Visit, e *event) (answer, error) {
	now := s.Now()
	in, err := e.read(s.Catalog(), now)
	if err != nil {
		return answer{}, err
	}
	in.Integration = v.Integration
	if e.Action == "acknowledge" {
		_, err = s.Detect.Ack(v.Context(), v.Integration, in.Key, detect.ActorOf(v.Integration), now)
		if errs.Is(err, errs.NotFound) {
			err = nil // PagerDuty drops what is about no open alert, too
		}
	} else {
		_, err = s.Detect.Receive(v.Context(), []detect.Incoming{in}, now)
	}
	return answer{Status: "success", Message: "Event processed", DedupKey: in.Key}, err
}

// read checks an event and returns it as an alert.
func (e *event) read(c *catalog.Catalog, now time.Time) (detect.Incoming, error) {
	in, err := e.incoming(now)
	if err != nil {
		return in, err
	}
	if name := e.serviceOf(c); name != "" {
		in.Labels["service"] = name
	}
	return in, door.Check(in.Key, in.Labels, in.Annotations)
}

// serviceOf returns the service of the catalog that an event names in one of the places where clients write it.
func (e *event) serviceOf(c *catalog.Catalog) string {
	if e.Payload == nil {
		return ""
	}
	services := c.Services
	for _, name := range []string{e.details()["service"], e.Payload.Component, e.Payload.Source, e.Payload.Group} {
		if services[name] != nil {
			return name
		}
	}
	return e.details()["service"]
}

// incoming checks an event as PagerDuty does and returns it as an alert.
func (e *event) incoming(now time.Time) (detect.Incoming, error) {
	in := detect.Incoming{Source: "pagerduty", Key: e.DedupKey, Labels: map[string]string{}, Annotations: map[string]string{}}
	var wrong []string
	key, action := "dedup_key", "event_action"
	if e.old {
		key, action = "incident_key", "event_type"
	}
	if len(e.DedupKey) > maxDedupKey {
		wrong = append(wrong, fmt.Sprintf("'%s' is longer than %d characters", key, maxDedupKey))
	}
	switch e.Action {
	case "trigger":
		wrong = append(wrong, e.missing()...)
		if in.Key == "" {
			in.Key = strings.ToLower(rand.Text())
		}
	case "acknowledge", "resolve":
		if e.DedupKey == "" {
			wrong = append(wrong, "'"+key+"' is missing or blank")
		}
		in.EndsAt = now
	case "":
		wrong = append(wrong, "'"+action+"' is missing or blank")
	default:
		wrong = append(wrong, "'"+action+"' is not one of trigger, acknowledge, resolve")
	}
	if len(wrong) > 0 {
		return in, invalid(wrong...)
	}
	if e.Action == "trigger" {
		e.describe(&in)
	}
	return in, nil
}

// missing says what a trigger lacks.
func (e *event) missing() []string {
	if e.Payload == nil {
		return []string{"'payload' is missing or blank"}
	}
	p := e.Payload
	var out []string
	if e.old {
		if strings.TrimSpace(p.Summary) == "" {
			out = append(out, "'description' is missing or blank")
		}
		return out
	}
	for _, f := range []struct{ name, value string }{{"summary", p.Summary}, {"source", p.Source}, {"severity", p.Severity}} {
		if strings.TrimSpace(f.value) == "" {
			out = append(out, fmt.Sprintf("'payload.%s' is missing or blank", f.name))
		}
	}
	switch strings.ToLower(p.Severity) {
	case "", "critical", "error", "warning", "info":
	default:
		out = append(out, "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')")
	}
	return out
}

// describe fills in what a trigger says.
func (e *event) describe(in *detect.Incoming) {
	p := e.Payload
	in.Title, in.Severity, in.URL = door.Clip(p.Summary, maxSummary), p.Severity, door.Link(e.ClientURL)
	for name, value := range map[string]string{"source": p.Source, "component": p.Component, "group": p.Group, "class": p.Class, "client": e.Client} {
		if value != "" {
			in.Labels[name] = value
		}
	}
	if d := bytes.TrimSpace(p.Details); len(d) > 0 && string(d) != "null" {
		in.Annotations["custom_details"] = door.Clip(string(d), maxDetails)
	}
	for _, l := range e.Links {
		if u := door.Link(l.Href); u != "" {
			in.URL = cmp.Or(in.URL, u)
			in.Annotations["links"] += strings.TrimSpace(l.Text+" "+u) + "\n"
		}
	}
	in.StartsAt = e.at()
}

// at returns when it happened, zero when the event does not say it.
func (e *event) at() time.Time {
	for _, f := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(f, e.Payload.Timestamp); err == nil {
			return t
		}
	}
	return time.Time{}
}

// details returns the custom details that are plain values.
func (e *event) details() map[string]string {
	var all map[string]any
	out := map[string]string{}
	if json.Unmarshal(e.Payload.Details, &all) != nil {
		return out // they may be anything
	}
	for name, v := range all {
		switch x := v.(type) {
		case string:
			out[name] = x
		case float64:
			out[name] = strconv.FormatFloat(x, 'f', -1, 64)
		}
	}
	return out
}

// first returns the first of some details that is there.
func first(d map[string]string, names ...string) string {
	for _, n := range names {
		if d[n] != "" {
			return door.Clip(d[n], 200)
		}
	}
	return ""
}

// change takes a change event: a deploy when it says of what, and a mark on its integration when not.
func (s *server) change(v *door.Visit, e *event) (answer, error) {
	if e.Payload == nil || strings.TrimSpace(e.Payload.Summary) == "" {
		return answer{}, invalid("'payload.summary' is missing or blank")
	}
	d := e.details()
	deploy := observe.Deploy{
		Service: door.Clip(cmp.Or(e.serviceOf(s.Catalog()), e.Payload.Source, v.Integration), 200), Version: cmp.Or(first(d, "version", "release", "tag", "revision", "build_number"), first(d, "commit", "sha"), "a change"),
		Commit: first(d, "commit", "sha", "revision"), Author: first(d, "author", "deployed_by", "user"), Message: door.Clip(e.Payload.Summary, maxSummary), At: e.at(),
	}
	for _, l := range e.Links {
		deploy.URL = cmp.Or(deploy.URL, door.Link(l.Href))
	}
	if _, err := s.Deploy(v.Context(), deploy, detect.ActorOf(v.Integration)); err != nil {
		return answer{}, err
	}
	return answer{Status: "success", Message: "Change event processed"}, nil
}
