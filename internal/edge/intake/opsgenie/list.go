package opsgenie

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
)

// listed is an alert as clients read it.
type listed struct {
	ID             string            `json:"id"`
	TinyID         string            `json:"tinyId"`
	Alias          string            `json:"alias"`
	Message        string            `json:"message"`
	Status         string            `json:"status"`
	Acknowledged   bool              `json:"acknowledged"`
	IsSeen         bool              `json:"isSeen"`
	Tags           []string          `json:"tags"`
	Snoozed        bool              `json:"snoozed"`
	SnoozedUntil   *time.Time        `json:"snoozedUntil,omitempty"`
	Count          int               `json:"count"`
	LastOccurredAt time.Time         `json:"lastOccurredAt"`
	CreatedAt      time.Time         `json:"createdAt"`
	UpdatedAt      time.Time         `json:"updatedAt"`
	Source         string            `json:"source"`
	Owner          string            `json:"owner"`
	Priority       string            `json:"priority"`
	Responders     []any             `json:"responders"`
	Integration    map[string]string `json:"integration"`
	Entity         string            `json:"entity"`
	Description    string            `json:"description"`
	Details        map[string]string `json:"details"`
}

// priorities are what clients call our severities.
var priorities = map[detect.Severity]string{detect.SEV1: "P1", detect.SEV2: "P2", detect.SEV3: "P3", detect.SEV4: "P4"}

func (s *server) listedOf(a detect.Alert, now time.Time) listed {
	out := listed{
		ID: string(a.ID), TinyID: tinyOf(a.ID), Alias: a.Key, Message: a.Title, Status: "open", Acknowledged: !a.AckedAt.IsZero(), IsSeen: !a.AckedAt.IsZero(), Tags: []string{}, Count: a.Count + 1,
		LastOccurredAt: cmpTime(a.UpdatedAt, a.FiredAt).UTC(), CreatedAt: a.FiredAt.UTC(), UpdatedAt: cmpTime(a.UpdatedAt, a.FiredAt).UTC(),
		Source: a.Labels["source"], Owner: cmp.Or(a.Owner, a.AckedBy), Priority: priorities[a.Severity], Responders: []any{}, Entity: a.Labels["entity"], Description: a.Annotations["description"],
		Integration: map[string]string{"id": a.Integration, "name": a.Integration, "type": "API"}, Details: map[string]string{},
	}
	if a.State == detect.Resolved {
		out.Status = "closed"
	}
	if until := s.Detect.Snoozed(a, now); out.Status == "open" && !until.IsZero() {
		until = until.UTC()
		out.Snoozed, out.SnoozedUntil = true, &until
	}
	for name, value := range a.Labels {
		switch name {
		case "tags":
			out.Tags = strings.Split(value, ",")
		case "entity", "source":
		default:
			out.Details[name] = value
		}
	}
	return out
}

func (s *server) get(c call) (reply, error) {
	a, err := s.find(c)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, data: s.listedOf(a, c.now)}, nil
}

// term is a part of a query: "status: open", "alias=x".
var term = regexp.MustCompile(`^\s*([A-Za-z]+)\s*[:=]\s*("[^"]*"|[^\s"]+)\s*(?:(?i:and)\s+|$)`)

// filterOf reads the query of a list: terms of status, alias, priority and acknowledged, all of which must hold.
func filterOf(query string) (detect.Filter, func(detect.Alert) bool, error) {
	var f detect.Filter
	var tests []func(detect.Alert) bool
	for rest := query; strings.TrimSpace(rest) != ""; {
		m := term.FindStringSubmatch(rest)
		if m == nil {
			return f, nil, errs.New(errs.Invalid, "the query %.100q is not understood; write terms such as status:open AND priority:P1", query)
		}
		rest = rest[len(m[0]):]
		field, value := strings.ToLower(m[1]), strings.Trim(m[2], `"`)
		switch field {
		case "status":
			state, ok := map[string]detect.State{"open": detect.Firing, "closed": detect.Resolved}[strings.ToLower(value)]
			if !ok {
				return f, nil, errs.New(errs.Invalid, "status %.40q is not known here; it is open or closed", value)
			}
			f.State = state
		case "alias":
			tests = append(tests, func(a detect.Alert) bool { return a.Key == value })
		case "priority":
			tests = append(tests, func(a detect.Alert) bool { return priorities[a.Severity] == strings.ToUpper(value) })
		case "acknowledged":
			tests = append(tests, func(a detect.Alert) bool { return !a.AckedAt.IsZero() == (value == "true") })
		default:
			return f, nil, errs.New(errs.Invalid, "a query cannot ask for %.40q here; it can for status, alias, priority and acknowledged", field)
		}
	}
	return f, func(a detect.Alert) bool {
		for _, ok := range tests {
			if !ok(a) {
				return false
			}
		}
		return true
	}, nil
}

func number(v url.Values, name string, otherwise, most int) (int, error) {
	if !v.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.Atoi(v.Get(name))
	if err != nil || n < 0 || n > most {
		return 0, errs.New(errs.Invalid, "%s is %.40q; it is a number from 0 to %d", name, v.Get(name), most)
	}
	return n, nil
}

func (s *server) list(c call) (reply, error) {
	v := c.r.URL.Query()
	f, ok, err := filterOf(v.Get("query"))
	if err != nil {
		return reply{}, err
	}
	limit, err := number(v, "limit", 20, 100)
	if err != nil {
		return reply{}, err
	}
	offset, err := number(v, "offset", 0, 20_000)
	if err != nil {
		return reply{}, err
	}
	out := []listed{}
	err = s.each(c, f, func(a detect.Alert) bool {
		switch {
		case !ok(a):
		case offset > 0:
			offset--
		case len(out) < limit:
			out = append(out, s.listedOf(a, c.now))
		}
		return len(out) < limit
	})
	return reply{status: http.StatusOK, data: out}, err
}

func (s *server) count(c call) (reply, error) {
	f, ok, err := filterOf(c.r.URL.Query().Get("query"))
	if err != nil {
		return reply{}, err
	}
	n := 0
	err = s.each(c, f, func(a detect.Alert) bool {
		if ok(a) {
			n++
		}
		return true
	})
	return reply{status: http.StatusOK, data: map[string]int{"count": n}}, err
}
