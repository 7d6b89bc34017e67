package opsgenie

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
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

// furthest bounds how far a list reaches, and how many alerts are sorted: Opsgenie has the same bound.
const furthest = 20_000

// list answers a page of the alerts that a query asks for, the newest first unless it is asked for in another order.
func (s *server) list(c call) (reply, error) {
	v := c.r.URL.Query()
	if v.Has("searchIdentifier") {
		return reply{}, errs.New(errs.Invalid, "Nightkeeper keeps no saved searches; send the query itself")
	}
	q, err := queryOf(v.Get("query"))
	if err != nil {
		return reply{}, err
	}
	p, err := pageOf(v, "desc", 20)
	if err != nil {
		return reply{}, err
	}
	by := cmp.Or(v.Get("sort"), "createdAt")
	order := orders[by]
	if order == nil {
		return reply{}, errs.New(errs.Invalid, "sort is %.40q; alerts can be sorted by %s", by, strings.Join(slices.Sorted(maps.Keys(orders)), ", "))
	}
	newest := by == "createdAt" && !p.rising // they come in that order
	all := []listed{}
	err = s.each(c, detect.Filter{State: q.state}, func(a detect.Alert) bool {
		if l := s.listedOf(a, c.now); q.is(l) {
			all = append(all, l)
		}
		return len(all) < furthest && !(newest && len(all) > p.offset+p.limit)
	})
	if !newest {
		slices.SortStableFunc(all, func(a, b listed) int {
			if p.rising {
				return order(a, b)
			}
			return order(b, a)
		})
	}
	out, paging := cutPage(c, all, p)
	return reply{status: http.StatusOK, data: out, paging: paging}, err
}

func (s *server) count(c call) (reply, error) {
	q, err := queryOf(c.r.URL.Query().Get("query"))
	if err != nil {
		return reply{}, err
	}
	n := 0
	err = s.each(c, detect.Filter{State: q.state}, func(a detect.Alert) bool {
		if q.is(s.listedOf(a, c.now)) {
			n++
		}
		return true
	})
	return reply{status: http.StatusOK, data: map[string]int{"count": n}}, err
}

// part is which part of a list a client asks for.
type part struct {
	offset, limit int
	rising        bool
}

func pageOf(v url.Values, order string, limit int) (p part, err error) {
	if p.limit, err = number(v, "limit", limit, 100); err != nil {
		return p, err
	}
	if p.offset, err = number(v, "offset", 0, furthest); err != nil {
		return p, err
	}
	if p.offset+p.limit > furthest {
		return p, errs.New(errs.Invalid, "offset and limit together may be at most %d; narrow the query", furthest)
	}
	switch o := strings.ToLower(cmp.Or(v.Get("order"), order)); o {
	case "asc", "desc":
		p.rising = o == "asc"
	default:
		return p, errs.New(errs.Invalid, "order is %.40q; it is asc or desc", o)
	}
	return p, nil
}

// cutPage returns the part of a list, and the addresses of the parts around it.
func cutPage[T any](c call, all []T, p part) (out []T, paging map[string]string) {
	at := func(offset int) string { return address(c, strconv.Itoa(offset), p.limit) }
	paging = map[string]string{"first": at(0)}
	if p.offset > 0 {
		paging["prev"] = at(max(0, p.offset-p.limit))
	}
	if p.limit > 0 && len(all) > p.offset+p.limit {
		paging["next"] = at(p.offset + p.limit)
	}
	from := min(p.offset, len(all))
	return all[from:min(from+p.limit, len(all))], paging
}

// address is where the part of a list from an offset on is read.
func address(c call, offset string, limit int) string {
	u, scheme := *c.r.URL, "https"
	if c.r.TLS == nil && c.r.Header.Get("X-Forwarded-Proto") != "https" {
		scheme = "http"
	}
	q := u.Query()
	q.Set("offset", offset)
	q.Set("limit", strconv.Itoa(limit))
	u.RawQuery = q.Encode()
	return scheme + "://" + c.r.Host + u.RequestURI()
}
