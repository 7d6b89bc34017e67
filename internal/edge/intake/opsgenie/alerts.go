package opsgenie

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// posted is an alert as clients create it.
type posted struct {
	Message     string            `json:"message"`
	Alias       string            `json:"alias"`
	Description string            `json:"description"`
	Tags        []string          `json:"tags"`
	Details     map[string]string `json:"details"`
	Entity      string            `json:"entity"`
	Source      string            `json:"source"`
	Priority    string            `json:"priority"`
	User        string            `json:"user"`
	Note        string            `json:"note"`
}

// Lengths as Opsgenie has them.
const (
	maxAlias       = 512
	maxDescription = 15_000
)

// accepted is what is said of every request that changes an alert.
const accepted = "Request will be processed"

// requestID tells in requests what became of a request: there is nothing to look up but the alert. An alert that was not
// there is none.
func requestID(action string, a detect.AlertID) string { return action + "-" + string(a) }

// actions by the first part of a request's id: its name, and what is said when it is done.
var actions = map[string][2]string{
	"create": {"Create", "Created alert"}, "close": {"Close", "Closed alert"}, "ack": {"Acknowledge", "Acknowledged alert"},
	"unack": {"UnAcknowledge", "UnAcknowledged alert"},
	"note":  {"AddNote", "Added note"}, "update": {"Update", "Updated alert"}, "snooze": {"Snooze", "Snoozed alert"}, "assign": {"Assign", "Assigned alert"},
	"escalate": {"Escalate", "Escalated alert"}, "team": {"AddTeam", "Added team"}, "responder": {"AddResponder", "Added responder"}, "tags": {"AddTags", "Added tags"},
	"untags": {"RemoveTags", "Removed tags"}, "details": {"AddDetails", "Added details"}, "undetails": {"RemoveDetails", "Removed details"},
}

// incoming checks an alert and returns it in our words.
func (p *posted) incoming(integration string, c *catalog.Catalog) (detect.Incoming, error) {
	wrong := unprocessable{}
	if strings.TrimSpace(p.Message) == "" {
		wrong["message"] = "Message can not be empty."
	}
	if len(p.Alias) > maxAlias {
		wrong["alias"] = fmt.Sprintf("Alias is longer than %d characters.", maxAlias)
	}
	switch p.Priority {
	case "", "P1", "P2", "P3", "P4", "P5":
	default:
		wrong["priority"] = "Priority should be one of [ P1, P2, P3, P4, P5 ]"
	}
	if len(wrong) > 0 {
		return detect.Incoming{}, wrong
	}
	in := detect.Incoming{
		Source: "opsgenie", Integration: integration, Key: cmp.Or(p.Alias, strings.ToLower(rand.Text())), Title: p.Message,
		Severity: cmp.Or(p.Priority, "P3"), Labels: map[string]string{}, Annotations: map[string]string{},
	}
	for name, value := range p.Details {
		if value != "" {
			in.Labels[name] = value
		}
	}
	var plain []string
	for _, tag := range p.Tags {
		if name, value, ok := strings.Cut(tag, ":"); ok && name != "" && value != "" && in.Labels[name] == "" {
			in.Labels[name] = value
		} else {
			plain = append(plain, tag)
		}
	}
	for name, value := range map[string]string{"entity": p.Entity, "source": p.Source, "tags": strings.Join(plain, ",")} {
		if value != "" && in.Labels[name] == "" {
			in.Labels[name] = value
		}
	}
	if p.Description != "" {
		in.Annotations["description"] = door.Clip(p.Description, maxDescription)
	}
	if in.Labels["service"] == "" && c.Services[p.Entity] != nil {
		in.Labels["service"] = p.Entity
	}
	return in, door.Check(in.Key, in.Labels, in.Annotations)
}

// Format is Opsgenie's API, as clients create alerts by it.
func Format(c func() *catalog.Catalog) detect.Format {
	return detect.Format{Name: "opsgenie", Title: "Opsgenie's API", Path: "/v2/alerts", Sample: sample, Read: func(q detect.Sent) (detect.Read, error) {
		var p posted
		if err := json.Unmarshal(q.Body, &p); err != nil {
			return detect.Read{}, errs.New(errs.Invalid, "Request body is not JSON: %s", err)
		}
		in, err := p.incoming(q.Integration, c())
		if why := refused(err); why != "" {
			return detect.Read{}, errs.New(errs.Invalid, "%s", why)
		}
		return detect.Read{Alerts: []detect.Incoming{in}}, err
	}}
}

const sample = `{
  "message": "the disk of db-1 is full",
  "alias": "disk-db-1",
  "description": "no space left on device",
  "priority": "P2",
  "entity": "payments",
  "tags": ["env:prod"],
  "details": {"host": "db-1"}
}`

// refused returns what the sender did wrong, or "" when it was not the sender.
func refused(err error) string {
	if u, ok := err.(unprocessable); ok {
		var out []string
		for _, name := range slices.Sorted(maps.Keys(u)) {
			out = append(out, name+": "+u[name])
		}
		return strings.Join(out, "; ")
	}
	if errs.Is(err, errs.Invalid) {
		return errs.Message(err)
	}
	return ""
}

func (s *server) create(c call) (reply, error) {
	r, err := s.make(c)
	if why := refused(err); err == nil {
		c.Saw("opsgenie", c.body, 1, "")
	} else if why != "" {
		c.Saw("opsgenie", c.body, 0, why)
	}
	return r, err
}

func (s *server) make(c call) (reply, error) {
	var p posted
	if err := c.read(&p); err != nil {
		return reply{}, err
	}
	in, err := p.incoming(c.Integration, s.Catalog())
	if err != nil {
		return reply{}, err
	}
	rs, err := s.Detect.Receive(c.Context(), []detect.Incoming{in}, c.now)
	if err != nil {
		return reply{}, err
	}
	if p.Note != "" {
		if _, err := s.Detect.Note(c.Context(), c.Integration, in.Key, p.Note, s.by(c, p.User), c.now); err != nil && !errs.Is(err, errs.NotFound) {
			return reply{}, err
		}
	}
	return reply{status: http.StatusAccepted, request: requestID("create", rs[0].Alert), result: accepted}, nil
}

// by returns who did something: the person of the catalog that the client names, by name or address, or the integration.
func (s *server) by(c call, user string) string {
	if name := s.personOf(user); name != "" {
		return name
	}
	return detect.ActorOf(c.Integration)
}

// personOf returns the person of a name or an address, or "".
func (s *server) personOf(user string) string {
	people := s.Catalog().People
	if people[user] != nil {
		return user
	}
	for _, name := range slices.Sorted(maps.Keys(people)) {
		for _, x := range people[name].Contacts {
			if user != "" && x.Address == user {
				return name
			}
		}
	}
	return ""
}

// checkLabels refuses labels that an alert cannot have besides its own.
func checkLabels(a detect.Alert, set map[string]string) error {
	all := maps.Clone(a.Labels)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, set)
	return door.Check(a.Key, all, a.Annotations)
}

// mostLooked bounds how many alerts are looked at for one that is over.
const mostLooked = 5000

// find returns the alert that an address names. One that is not there is an error with code not_found.
func (s *server) find(c call) (detect.Alert, error) {
	want, by := c.r.PathValue("id"), cmp.Or(c.r.URL.Query().Get("identifierType"), c.r.URL.Query().Get("alertIdentifierType"), "id")
	missing := errs.New(errs.NotFound, "Alert does not exist with given %s.", by)
	switch by {
	case "id":
		a, err := s.Detect.Alert(c.Context(), detect.AlertID(want))
		if errs.Is(err, errs.NotFound) || (err == nil && a.Integration != c.Integration) {
			return detect.Alert{}, missing
		}
		return a, err
	case "alias":
		a, err := s.Detect.FiringOf(c.Context(), c.Integration, want)
		if !errs.Is(err, errs.NotFound) {
			return a, err
		}
	case "tiny":
	default:
		return detect.Alert{}, errs.New(errs.Invalid, "identifierType %.40q is not known here; use id, alias or tiny", by)
	}
	// What fires is meant before what is over.
	for _, state := range []detect.State{detect.Firing, ""} {
		var a detect.Alert
		looked, found := 0, false
		err := s.each(c, detect.Filter{State: state}, func(x detect.Alert) bool {
			if found = x.Key == want && by == "alias" || by == "tiny" && tinyOf(x.ID) == want; found {
				a = x
			}
			looked++
			return !found && looked < mostLooked
		})
		if err != nil || found {
			return a, err
		}
	}
	return detect.Alert{}, missing
}

// each calls fn with the alerts of the integration that a filter selects, the newest first, until it returns false.
func (s *server) each(c call, f detect.Filter, fn func(detect.Alert) bool) error {
	f.Integration, f.Limit = c.Integration, 500
	for {
		as, err := s.Detect.Find(c.Context(), f)
		if err != nil {
			return err
		}
		for _, a := range as {
			if !fn(a) {
				return nil
			}
			f.Before = a.ID
		}
		if len(as) < f.Limit {
			return nil
		}
	}
}

// change does something to the alert that an address names. Opsgenie accepts a request about an alert that is not there, and
// says so only in requests.
func (s *server) change(c call, action string, fn func(a detect.Alert, d done) error) (reply, error) {
	var d done
	if err := c.read(&d); err != nil {
		return reply{}, err
	}
	a, err := s.find(c)
	if err == nil {
		err = fn(a, d)
	}
	if err == nil && d.Note != "" && action != "note" && action != "close" {
		_, err = s.Detect.Note(c.Context(), c.Integration, a.Key, d.Note, s.by(c, d.User), c.now)
	}
	switch {
	case errs.Is(err, errs.NotFound):
		return reply{status: http.StatusAccepted, request: requestID(action, "none"), result: accepted}, nil
	case err != nil:
		return reply{}, err
	}
	return reply{status: http.StatusAccepted, request: requestID(action, a.ID), result: accepted}, nil
}

func (s *server) close(c call) (reply, error) {
	return s.change(c, "close", func(a detect.Alert, d done) error {
		if a.State != detect.Firing {
			return nil
		}
		if d.Note != "" {
			if _, err := s.Detect.Note(c.Context(), c.Integration, a.Key, d.Note, s.by(c, d.User), c.now); err != nil {
				return err
			}
		}
		_, err := s.Detect.Receive(c.Context(), []detect.Incoming{{Source: "opsgenie", Integration: c.Integration, Key: a.Key, EndsAt: c.now}}, c.now)
		return err
	})
}

func (s *server) acknowledge(c call) (reply, error) {
	return s.change(c, "ack", func(a detect.Alert, d done) error {
		_, err := s.Detect.Ack(c.Context(), c.Integration, a.Key, s.by(c, d.User), c.now)
		return err
	})
}

// unacknowledge has people told again: whoever said so has it no more.
func (s *server) unacknowledge(c call) (reply, error) {
	return s.change(c, "unack", func(a detect.Alert, d done) error {
		_, err := s.Detect.Unack(c.Context(), c.Integration, a.Key, s.by(c, d.User), c.now)
		return err
	})
}

func (s *server) note(c call) (reply, error) {
	return s.change(c, "note", func(a detect.Alert, d done) error {
		if strings.TrimSpace(d.Note) == "" {
			return unprocessable{"note": "Note can not be empty."}
		}
		_, err := s.Detect.Note(c.Context(), c.Integration, a.Key, d.Note, s.by(c, d.User), c.now)
		return err
	})
}

// update keeps that a client changed the text of an alert as a note: what was told first stays as it was told.
func (s *server) update(c call, what string) (reply, error) {
	var to map[string]any
	if err := c.read(&to); err != nil {
		return reply{}, err
	}
	text, ok := to[what].(string)
	if !ok || text == "" {
		return reply{}, unprocessable{what: "can not be empty."}
	}
	return s.change(c, "update", func(a detect.Alert, d done) error {
		_, err := s.Detect.Note(c.Context(), c.Integration, a.Key, what+" is now: "+door.Clip(text, maxDescription), s.by(c, d.User), c.now)
		return err
	})
}

func (s *server) request(c call) (reply, error) {
	action, id, ok := strings.Cut(c.r.PathValue("request"), "-")
	names, known := actions[action]
	if !ok || !known {
		return reply{}, errs.New(errs.NotFound, "Request not found. It might not be processed, yet.")
	}
	data := map[string]any{"isSuccess": false, "action": names[0], "status": "Alert does not exist", "processedAt": c.now.UTC(), "integrationId": c.Integration}
	if id != "none" {
		c.r.SetPathValue("id", id)
		a, err := s.find(c)
		if err != nil {
			return reply{}, err
		}
		data["isSuccess"], data["status"], data["alertId"], data["alias"] = true, names[1], a.ID, a.Key
		data["processedAt"] = cmpTime(a.UpdatedAt, a.FiredAt).UTC()
	}
	return reply{status: http.StatusOK, data: data}, nil
}

func cmpTime(t, otherwise time.Time) time.Time {
	if t.IsZero() {
		return otherwise
	}
	return t
}
