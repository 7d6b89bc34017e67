package alertmanager

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// reference names a receiver.
type reference struct {
	Name string `json:"name"`
}

// gettable is an alert as clients read it.
type gettable struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     stamp             `json:"startsAt"`
	UpdatedAt    stamp             `json:"updatedAt"`
	EndsAt       stamp             `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
	Fingerprint  string            `json:"fingerprint"`
	Receivers    []reference       `json:"receivers"`
	Status       status            `json:"status"`

	group detect.GroupID
}

type status struct {
	State       string   `json:"state"`
	SilencedBy  []string `json:"silencedBy"`
	InhibitedBy []string `json:"inhibitedBy"`
	MutedBy     []string `json:"mutedBy"`
}

// query selects alerts as the parameters of a request say.
type query struct {
	matchers                    labels.Matchers
	receiver                    *regexp.Regexp
	receiverMatchers            labels.Matchers
	active, silenced, inhibited bool
}

func queryOf(r *http.Request) (q query, err error) {
	v := r.URL.Query()
	if q.matchers, err = catalog.ParseMatchers(v["filter"]); err != nil {
		return q, bad(err.Error())
	}
	if re := v.Get("receiver"); re != "" {
		if q.receiver, err = regexp.Compile("^(?:" + re + ")$"); err != nil {
			return q, bad(fmt.Sprintf("failed to parse receiver param: %v", err))
		}
	}
	if q.receiverMatchers, err = catalog.ParseMatchers(v["receiver_matchers"]); err != nil {
		return q, bad(fmt.Sprintf("failed to parse receiver_matchers param: %v", err))
	}
	q.active, q.silenced, q.inhibited = flag(r, "active"), flag(r, "silenced"), flag(r, "inhibited")
	return q, nil
}

func (q query) selects(a detect.Alert, receiver string, m detect.Muters, now time.Time) bool {
	muted := len(m.Silences)+len(m.Inhibitors) > 0
	switch {
	case !a.EndsAt.IsZero() && a.EndsAt.Before(now), !holds(q.matchers, a.Labels), q.receiver != nil && !q.receiver.MatchString(receiver):
		return false
	case !holds(q.receiverMatchers, nil): // receivers have no labels
		return false
	case !q.active && !muted, !q.silenced && len(m.Silences) > 0, !q.inhibited && len(m.Inhibitors) > 0:
		return false
	}
	return true
}

func holds(ms labels.Matchers, l map[string]string) bool {
	return !slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return !m.Matches(l[m.Name]) })
}

// noPolicy is the receiver of alerts that no escalation policy covers.
const noPolicy = "nobody"

// receiverOf returns the escalation policy that tells people of an alert, which is what Alertmanager calls a receiver.
func receiverOf(c *catalog.Catalog, a detect.Alert) string {
	if c.Policies[a.Policy] != nil {
		return a.Policy
	}
	if p := c.PolicyFor(a.Service); p != nil {
		return p.Name
	}
	return noPolicy
}

func (s *server) list(r *http.Request) ([]gettable, error) {
	q, err := queryOf(r)
	if err != nil {
		return nil, err
	}
	now, cat := s.Now(), s.Catalog()
	out := []gettable{}
	err = s.Detect.EachFiring(r.Context(), now, func(a detect.Alert, m detect.Muters) bool {
		if receiver := receiverOf(cat, a); q.selects(a, receiver, m, now) {
			out = append(out, gettableOf(a, receiver, m, now))
		}
		return true
	})
	slices.SortStableFunc(out, func(a, b gettable) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	return out, err
}

func gettableOf(a detect.Alert, receiver string, m detect.Muters, now time.Time) gettable {
	g := gettable{
		Labels: orEmpty(a.Labels), Annotations: orEmpty(a.Annotations), GeneratorURL: a.URL, Fingerprint: door.Fingerprint(a.Labels),
		StartsAt: stamp(latest(a.StartsAt, a.FiredAt)), UpdatedAt: stamp(latest(a.UpdatedAt, a.FiredAt)), EndsAt: stamp(latest(a.EndsAt, now.Add(resolveTimeout))),
		Receivers: []reference{{receiver}}, Status: status{"active", []string{}, []string{}, []string{}}, group: a.Group,
	}
	for _, id := range m.Silences {
		g.Status.SilencedBy = append(g.Status.SilencedBy, string(id))
	}
	for _, x := range m.Inhibitors {
		g.Status.InhibitedBy = append(g.Status.InhibitedBy, door.Fingerprint(x.Labels))
	}
	if len(m.Silences)+len(m.Inhibitors) > 0 {
		g.Status.State = "suppressed"
	}
	return g
}

// latest returns the first time that is set: alerts of our own have no times of a source.
func latest(t, otherwise time.Time) time.Time {
	if t.IsZero() {
		return otherwise
	}
	return t
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func (s *server) getAlerts(_ *door.Visit, r *http.Request) (any, error) { return s.list(r) }

// group is alerts that are one incident and have one receiver.
type group struct {
	Labels      map[string]string `json:"labels"`
	RouteLabels map[string]string `json:"routeLabels"`
	Receiver    reference         `json:"receiver"`
	Alerts      []gettable        `json:"alerts"`
}

// groupLabels are the labels that name a group when its alerts agree on them.
var groupLabels = []string{"alertname", "cluster", "namespace", "service"}

func (s *server) getGroups(_ *door.Visit, r *http.Request) (any, error) {
	as, err := s.list(r)
	if err != nil {
		return nil, err
	}
	type key struct {
		group    detect.GroupID
		receiver string
	}
	at := map[key]int{}
	out := []group{}
	for _, a := range as {
		k := key{a.group, a.Receivers[0].Name}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, group{Labels: common(a.Labels), RouteLabels: map[string]string{}, Receiver: a.Receivers[0]})
		}
		g := &out[i]
		g.Alerts = append(g.Alerts, a)
		for name, value := range g.Labels {
			if a.Labels[name] != value {
				delete(g.Labels, name)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b group) int {
		return cmp.Or(cmp.Compare(fmt.Sprint(a.Labels), fmt.Sprint(b.Labels)), cmp.Compare(a.Receiver.Name, b.Receiver.Name))
	})
	return out, nil
}

func common(l map[string]string) map[string]string {
	out := map[string]string{}
	for _, name := range groupLabels {
		if v := l[name]; v != "" {
			out[name] = v
		}
	}
	return out
}
