package ui

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// alertsData is what the list of alerts shows.
type alertsData struct {
	detect.Found
	Which    string // firing, muted or all
	Service  string
	Severity string
	Match    string
	Text     string
	Problem  string
	Silences int // that mute at the moment
	Services []string
	Query    url.Values
}

func (s *server) alertsPage(r *http.Request) (view, error) {
	q, now := r.URL.Query(), shellOf(r.Context()).Now
	d := alertsData{Which: q.Get("which"), Service: q.Get("service"), Severity: q.Get("severity"), Match: q.Get("match"), Text: q.Get("text"), Query: q}
	f := detect.Filter{Service: d.Service, Severity: detect.Severity(d.Severity), Before: detect.AlertID(q.Get("before")), Limit: 100}
	yes, no := true, false
	switch d.Which {
	case "muted":
		f.State, f.Muted = detect.Firing, &yes
	case "all":
	default:
		d.Which, f.State, f.Muted = "firing", detect.Firing, &no
	}
	var match []string
	if strings.TrimSpace(d.Match) != "" {
		match = []string{d.Match}
	}
	found, err := s.Detect.Search(r.Context(), f, match, d.Text)
	switch {
	case errs.Is(err, errs.Invalid):
		d.Problem = errs.Message(err)
	case err != nil:
		return view{}, err
	}
	d.Found = found
	silences, err := s.Detect.Silences(r.Context(), now)
	if err != nil {
		return view{}, err
	}
	for _, x := range silences {
		if x.Active(now) {
			d.Silences++
		}
	}
	d.Services = sortedKeys(s.Catalog().Services)
	return view{Title: "Alerts", Live: true, Body: alertsBody(d)}, nil
}

// older is where the alerts before those shown are.
func (d alertsData) older() string {
	q := url.Values{}
	for k, v := range d.Query {
		q[k] = v
	}
	q.Set("before", string(d.More))
	return "/alerts?" + q.Encode()
}

// alertData is what the page of one alert shows.
type alertData struct {
	page.Why
	Incident string
	Person   string
	People   []string
	Labels   []string
	Only     []string // matchers of a silence for this alert alone
	Form     silenceForm
}

// silenceSpans are how long an alert can be silenced from its page.
var silenceSpans = []option{{name: "30 minutes", value: "30m"}, {name: "1 hour", value: "1h"}, {name: "2 hours", value: "2h"}, {name: "8 hours", value: "8h"},
	{name: "1 day", value: "1d"}, {name: "3 days", value: "3d"}, {name: "7 days", value: "7d"}}

func (s *server) alertPage(r *http.Request) (view, error) {
	ctx, now := r.Context(), shellOf(r.Context()).Now
	d := alertData{Person: r.URL.Query().Get("person"), People: sortedKeys(s.Catalog().People)}
	var err error
	if d.Why, err = s.Page.Why(ctx, detect.AlertID(r.PathValue("id")), d.Person, now); err != nil {
		return view{}, err
	}
	d.Labels = sortedKeys(d.Alert.Labels)
	if d.Alert.Group != "" {
		i, err := s.Respond.Of(ctx, d.Alert.Group)
		if err != nil && !errs.Is(err, errs.NotFound) {
			return view{}, err
		}
		d.Incident = string(i.ID)
	}
	for _, name := range d.Labels {
		d.Only = append(d.Only, name+"="+quote(d.Alert.Labels[name]))
	}
	d.Form = silenceForm{Match: matchOf(d.Alert.Labels)}
	return view{Title: d.Alert.Headline(), Live: true, Group: string(d.Alert.Group), Body: alertBody(d)}, nil
}

// matchOf is a first proposal for what a silence of an alert should select: what it is, and where.
func matchOf(labels map[string]string) []string {
	var out []string
	for _, name := range []string{"alertname", "service", "cluster", "namespace", "instance"} {
		if v := labels[name]; v != "" {
			out = append(out, name+"="+quote(v))
		}
	}
	return out
}

func quote(v string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(v) + `"`
}

// silenceForm is what the form for a silence begins with.
type silenceForm struct {
	Match []string
}

// silencesData is what the page of silences shows.
type silencesData struct {
	Now  []detect.Silence
	Past []detect.Silence
	At   time.Time
	Form silenceForm
}

func (s *server) silencesPage(r *http.Request) (view, error) {
	now := shellOf(r.Context()).Now
	all, err := s.Detect.Silences(r.Context(), now.Add(-14*24*time.Hour))
	if err != nil {
		return view{}, err
	}
	d := silencesData{At: now, Form: silenceForm{Match: slices.DeleteFunc([]string{r.URL.Query().Get("match")}, func(m string) bool { return m == "" })}}
	for _, x := range all {
		if x.State(now) == "expired" {
			d.Past = append(d.Past, x)
		} else {
			d.Now = append(d.Now, x)
		}
	}
	return view{Title: "Silences", Live: true, Body: silencesBody(d)}, nil
}

func (s *server) doSilence(r *http.Request) (string, error) {
	now, form := s.Now(), r.PostForm
	lasts, err := catalog.ParseDuration(form.Get("for"))
	if err != nil {
		return "", errs.New(errs.Invalid, "how long: %s", err)
	}
	x := detect.Silence{StartsAt: now, EndsAt: now.Add(lasts), Comment: form.Get("comment"), CreatedBy: actorOf(r), Maintenance: form.Get("maintenance") != ""}
	for line := range strings.Lines(form.Get("match")) {
		if line = strings.TrimSpace(line); line != "" {
			x.Match = append(x.Match, line)
		}
	}
	if form.Get("from") != "" || form.Get("to") != "" || len(form["day"]) > 0 {
		x.Weekly = &catalog.Hours{Days: form["day"], From: form.Get("from"), To: form.Get("to"), TimeZone: shellOf(r.Context()).Zone.String()}
	}
	_, err = s.Detect.Silence(r.Context(), x, actorOf(r), now)
	return "/silences", err
}

func (s *server) doUnsilence(r *http.Request) (string, error) {
	return "/silences", s.Detect.Unsilence(r.Context(), detect.SilenceID(r.PathValue("id")), actorOf(r), s.Now())
}

// alertLook is the tone, sign and word of an alert's state.
func alertLook(a detect.Alert) (tone, sign, word string) {
	switch {
	case a.State == detect.Resolved:
		return "calm", "ok", "resolved"
	case len(a.Muted) > 0:
		return "plain", "moon", "muted"
	case a.Ticket():
		return "lamp", "note", "ticket"
	}
	return "burn", "burn", "firing"
}

// silenceLook is the tone and sign of a silence's state.
func silenceLook(state string) (tone, sign string) {
	switch state {
	case "active":
		return "lamp", "moon"
	case "pending":
		return "plain", "wait"
	}
	return "plain", "off"
}

// weekdays are the days of the form, in the order of a week.
var weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

func weeklyWords(w *catalog.Hours) string {
	on := "every day"
	if len(w.Days) > 0 {
		on = strings.Join(w.Days, ", ")
	}
	zone := w.TimeZone
	if zone == "" {
		zone = "UTC"
	}
	return on + " " + w.From + " to " + w.To + " " + zone
}
