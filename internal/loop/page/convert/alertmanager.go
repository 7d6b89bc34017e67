package convert

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/alertmanager/pkg/labels"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
)

type amConfig struct {
	Route     *amRoute         `yaml:"route"`
	Receivers []map[string]any `yaml:"receivers"`
	Inhibit   []amInhibit      `yaml:"inhibit_rules"`
	Times     []amTimes        `yaml:"time_intervals"`
	Mutes     []amTimes        `yaml:"mute_time_intervals"`
}

type amRoute struct {
	Receiver string            `yaml:"receiver"`
	GroupBy  []string          `yaml:"group_by"`
	Matchers []string          `yaml:"matchers"`
	Match    map[string]string `yaml:"match"`
	MatchRE  map[string]string `yaml:"match_re"`
	Continue bool              `yaml:"continue"`
	Routes   []*amRoute        `yaml:"routes"`
	Mute     []string          `yaml:"mute_time_intervals"`
	Active   []string          `yaml:"active_time_intervals"`
	Repeat   string            `yaml:"repeat_interval"`
}

type amInhibit struct {
	Name          string            `yaml:"name"`
	Source        []string          `yaml:"source_matchers"`
	Target        []string          `yaml:"target_matchers"`
	SourceMatch   map[string]string `yaml:"source_match"`
	SourceMatchRE map[string]string `yaml:"source_match_re"`
	TargetMatch   map[string]string `yaml:"target_match"`
	TargetMatchRE map[string]string `yaml:"target_match_re"`
	Equal         []string          `yaml:"equal"`
}

type amTimes struct {
	Name      string       `yaml:"name"`
	Intervals []amInterval `yaml:"time_intervals"`
}

type amInterval struct {
	Times []struct {
		Start string `yaml:"start_time"`
		End   string `yaml:"end_time"`
	} `yaml:"times"`
	Weekdays []string `yaml:"weekdays"`
	Days     []string `yaml:"days_of_month"`
	Months   []string `yaml:"months"`
	Years    []string `yaml:"years"`
	Location string   `yaml:"location"`
}

// alertRuleSpec and inhibitionSpec are documents of the catalog, as they are written.
type (
	alertRuleSpec struct {
		Order            int      `yaml:"order"`
		Match            []string `yaml:"match"`
		Severity         string   `yaml:"severity,omitempty"`
		GroupBy          []string `yaml:"groupBy,omitempty"`
		EscalationPolicy string   `yaml:"escalationPolicy,omitempty"`
	}
	inhibitionSpec struct {
		Source []string `yaml:"source"`
		Target []string `yaml:"target"`
		Equal  []string `yaml:"equal,omitempty"`
	}
)

// receiver is what one of theirs became.
type receiver struct {
	name, policy string
	targets      []targetSpec
	row          *Row
	quiet        bool // it tells nobody on purpose
}

// alertmanager is a configuration while it is converted.
type alertmanager struct {
	*Plan
	people    *humans
	receivers map[string]*receiver
	times     map[string]amTimes
	rows      map[string]*Row   // of times
	timed     map[string]string // policy of a receiver with support hours
	order     int
}

// amParts are the parts of a configuration, and why those that are left out are.
var amParts = map[string]string{"route": "", "receivers": "", "inhibit_rules": "", "time_intervals": "", "mute_time_intervals": "", "global": "",
	"templates": "messages are written by Nightkeeper", "tracing": "traces of Alertmanager itself have no counterpart"}

// Alertmanager converts the text of an alertmanager.yml.
func Alertmanager(text []byte, now time.Time) (*Plan, error) {
	var conf amConfig
	if err := yaml.Unmarshal(text, &conf); err != nil {
		line, _, _ := strings.Cut(err.Error(), "\n")
		return nil, errs.New(errs.Invalid, "this is no configuration of Alertmanager: %s", line)
	}
	if conf.Route == nil {
		return nil, errs.New(errs.Invalid, "this is no configuration of Alertmanager: route is missing; give its alertmanager.yml")
	}
	var parts map[string]any
	if err := yaml.Unmarshal(text, &parts); err != nil {
		return nil, errs.New(errs.Invalid, "this is no configuration of Alertmanager: %v", err)
	}
	p := newPlan("alertmanager", now)
	for _, name := range sortedKeys(parts) {
		if why, known := amParts[name]; !known {
			p.row("part", "", name).note("it is not known; it is left out")
		} else if why != "" {
			p.row("part", "", name).note("%s", why)
		}
	}
	c := &alertmanager{p, p.humans(), map[string]*receiver{}, map[string]amTimes{}, map[string]*Row{}, map[string]string{}, 0}
	for _, ts := range append(conf.Times, conf.Mutes...) {
		if c.rows[ts.Name] == nil {
			c.times[ts.Name], c.rows[ts.Name] = ts, p.row("time interval", "", ts.Name)
		}
	}
	for _, r := range conf.Receivers {
		if err := c.receiver(r); err != nil {
			return nil, err
		}
	}
	if err := c.route(conf.Route, amRoute{}, nil, "route"); err != nil {
		return nil, err
	}
	for i, in := range conf.Inhibit {
		if err := c.inhibit(in, i); err != nil {
			return nil, err
		}
	}
	for _, name := range sortedKeys(c.rows) {
		if r := c.rows[name]; len(r.Into) == 0 && len(r.Notes) == 0 {
			r.note("no route uses it")
		}
	}
	if err := c.people.write(); err != nil {
		return nil, err
	}
	return p.finish(), nil
}

// amContacts say which field of a receiver's configuration is an address of which channel.
var amContacts = []struct{ key, field, channel string }{
	{"email_configs", "to", "email"}, {"webhook_configs", "url", "webhook"}, {"slack_configs", "channel", "slack"},
}

func (c *alertmanager) receiver(conf map[string]any) error {
	name, _ := conf["name"].(string)
	if name == "" || c.receivers[name] != nil {
		return nil
	}
	r := &receiver{name: name, row: c.row("receiver", "", name)}
	c.receivers[name] = r
	kinds := 0
	for _, key := range sortedKeys(conf) {
		list, _ := conf[key].([]any)
		if !strings.HasSuffix(key, "_configs") || len(list) == 0 {
			continue
		}
		kinds++
		i := slices.IndexFunc(amContacts, func(k struct{ key, field, channel string }) bool { return k.key == key })
		if i < 0 {
			r.row.note("%s are left out: they lead to another system, or need a channel of their own", key)
			continue
		}
		for _, one := range list {
			m, _ := one.(map[string]any)
			address, _ := m[amContacts[i].field].(string)
			c.address(r, amContacts[i].channel, address)
		}
	}
	if r.quiet = kinds == 0; r.quiet {
		r.row.note("tells nobody: alerts for it are tickets (SEV4)")
		return nil
	}
	if len(r.targets) == 0 {
		r.row.note("nothing of it could be mapped: alerts for it page by the policy of their service")
		return nil
	}
	l := ladder{row: r.row}
	l.page(r.targets)
	var failed error
	r.policy = l.write(c.Plan, name, name, 1, &failed)
	return failed
}

// address makes a person of what a receiver sends to, once for each address.
func (c *alertmanager) address(r *receiver, channel, address string) {
	if channel == "email" && strings.Contains(address, ",") {
		for _, one := range strings.Split(address, ",") {
			c.address(r, channel, strings.TrimSpace(one))
		}
		return
	}
	address = clean(address)
	switch {
	case address == "" || strings.Contains(address, "<secret>") || strings.Contains(address, "{{"):
		r.row.note("an address of %s is not written in the configuration and is left out", channel)
		return
	case channel == "webhook" && !strings.HasPrefix(address, "http"), channel == "email" && !strings.Contains(address, "@"):
		r.row.note("%q is no address of %s and is left out", address, channel)
		return
	case channel == "slack":
		r.row.note("slack needs the id of %s (C…) or a room of the channels file", address)
	}
	h := c.people.byID[channel+" "+address]
	if h == nil {
		title, _, _ := strings.Cut(address, "@")
		if channel == "webhook" {
			title = r.name + " webhook"
		}
		h = c.people.add("address", channel+" "+address, title)
		h.row.Name, h.row.ID = address, ""
		h.contact(channel, address)
	}
	if t := (targetSpec{Person: h.name}); !slices.Contains(r.targets, t) {
		r.targets = append(r.targets, t)
	}
}

// matchers writes all matchers as catalogs do. Not ok is what cannot be read.
func matchers(texts []string, match, re map[string]string) (out []string, ok bool) {
	ms, err := catalog.ParseMatchers(texts)
	if err != nil {
		return nil, false
	}
	for _, m := range ms {
		out = append(out, m.String())
	}
	for i, from := range []map[string]string{match, re} {
		for _, k := range sortedKeys(from) {
			m, err := labels.NewMatcher([]labels.MatchType{labels.MatchEqual, labels.MatchRegexp}[i], k, from[k])
			if err != nil {
				return nil, false
			}
			out = append(out, m.String())
		}
	}
	_, err = catalog.ParseMatchers(out)
	return out, err == nil
}

// route adds the rules of a route: of those below it first, because the first that selects an alert stands.
func (c *alertmanager) route(r *amRoute, above amRoute, path []string, where string) error {
	row := c.row("route", "", where)
	own, ok := matchers(r.Matchers, r.Match, r.MatchRE)
	if !ok {
		row.note("its matchers cannot be read; it and the routes below it are left out")
		return nil
	}
	match := append(slices.Clone(path), own...)
	here := amRoute{Receiver: cmp.Or(r.Receiver, above.Receiver), GroupBy: r.GroupBy, Mute: r.Mute, Active: r.Active, Repeat: cmp.Or(r.Repeat, above.Repeat)}
	if here.GroupBy == nil {
		here.GroupBy = above.GroupBy
	}
	for i, sub := range r.Routes {
		if sub == nil {
			continue
		}
		if err := c.route(sub, here, match, fmt.Sprintf("%s.routes[%d]", where, i)); err != nil {
			return err
		}
	}
	if r.Continue {
		row.note("continue: here the first rule that selects an alert stands, and the routes after it do not count")
	}
	if r.Repeat != "" {
		row.note("repeat_interval %s: an escalation policy repeats by its steps and loops", r.Repeat)
	}
	if len(match) == 0 {
		match = []string{`alertname=~".+"`}
	}
	c.order += 10
	spec := alertRuleSpec{Order: c.order, Match: match, GroupBy: slices.Clone(here.GroupBy)}
	if slices.Contains(spec.GroupBy, "...") {
		spec.GroupBy = nil
		row.note("group_by all labels: alerts are grouped as usual")
	}
	for i, l := range spec.GroupBy {
		spec.GroupBy[i] = clean(l)
	}
	switch re := c.receivers[here.Receiver]; {
	case re == nil:
		row.note("there is no receiver %q", here.Receiver)
	case re.quiet:
		spec.Severity = "SEV4"
	case re.policy == "":
		row.note("its receiver %q has no policy: the policy of the service is used", here.Receiver)
	default:
		spec.EscalationPolicy = re.policy
		if len(r.Active) > 0 {
			spec.EscalationPolicy = c.supportHours(r, re, row)
		}
	}
	for _, name := range r.Mute {
		c.mute(name, match, row)
	}
	name := c.name("AlertRule", strings.NewReplacer("[", "-", "]", "", ".", "-").Replace(where), "")
	return c.document("AlertRule", name, where, row, spec)
}

var amDays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// hours returns an interval as the hours of some days, when it is no more than that.
func (x amInterval) hours() (hoursSpec, bool) {
	h := hoursSpec{From: "00:00", To: "00:00", TimeZone: x.Location}
	if _, _, ok := zone(x.Location); !ok || len(x.Times) > 1 || len(x.Days)+len(x.Months)+len(x.Years) > 0 {
		return h, false
	}
	for _, t := range x.Times {
		for _, p := range []struct {
			from string
			into *string
		}{{t.Start, &h.From}, {t.End, &h.To}} {
			hour, minute, _ := strings.Cut(p.from, ":")
			a, err1 := strconv.Atoi(hour)
			b, err2 := strconv.Atoi(minute)
			if err1 != nil || err2 != nil || a < 0 || a > 24 || b < 0 || b > 59 || a*60+b > 1440 {
				return h, false
			}
			*p.into = clock(a*3600 + b*60)
		}
	}
	on := map[int]bool{}
	for _, d := range x.Weekdays {
		first, last, isRange := strings.Cut(strings.ToLower(d), ":")
		if !isRange {
			last = first
		}
		i, k := slices.Index(amDays, first), slices.Index(amDays, last)
		if i < 0 || k < i {
			return h, false
		}
		for ; i <= k; i++ {
			on[i] = true
		}
	}
	for i, d := range weekdays {
		if on[i] {
			h.Days = append(h.Days, d)
		}
	}
	return h, true
}

// supportHours returns the policy of a receiver at the hours of a route.
func (c *alertmanager) supportHours(r *amRoute, re *receiver, row *Row) string {
	ts := c.times[r.Active[0]]
	if len(r.Active) > 1 || len(ts.Intervals) != 1 {
		row.note("it is active at %s, which are several intervals: here it is at all hours", strings.Join(r.Active, ", "))
		return re.policy
	}
	h, ok := ts.Intervals[0].hours()
	if !ok {
		row.note("the interval %q has dates or several hours, which support hours have not: here the route is active at all hours", ts.Name)
		return re.policy
	}
	key := re.name + "\x00" + ts.Name
	if c.timed[key] != "" {
		return c.timed[key]
	}
	h.Severities = []string{"SEV2", "SEV3", "SEV4"}
	row.note("outside of %q its pages wait until the hours begin, where Alertmanager tells nobody; SEV1 never waits", ts.Name)
	title := re.name + " " + ts.Name
	name := c.name("EscalationPolicy", title, "")
	c.timed[key] = name
	if err := c.document("EscalationPolicy", name, title, c.rows[ts.Name], policySpec{Loops: 1, SupportHours: &h, Steps: []stepSpec{{Targets: re.targets}}}); err != nil {
		row.note("%v", err)
		return re.policy
	}
	return name
}

// mute says which silence does what an interval did: silences are made while the server runs and are no documents.
func (c *alertmanager) mute(name string, match []string, row *Row) {
	ts, ok := c.times[name]
	if !ok {
		row.note("there is no time interval %q", name)
		return
	}
	for _, x := range ts.Intervals {
		h, ok := x.hours()
		if !ok {
			row.note("it is muted at %q, which has dates or several hours: no silence recurs so", name)
			c.rows[name].note("has dates or several hours: no silence recurs so")
			continue
		}
		var quoted []string
		for _, m := range match {
			quoted = append(quoted, "'"+strings.ReplaceAll(m, "'", `'\''`)+"'")
		}
		line := "nightkeeper silence add " + strings.Join(quoted, " ") + " --for 366d --from " + h.From + " --to " + h.To
		for _, d := range h.Days {
			line += " --day " + d
		}
		if h.TimeZone != "" {
			line += " --time-zone " + h.TimeZone
		}
		row.note("it is muted at %q; make the silence: %s --comment %q", name, line, name)
		c.rows[name].note("is a silence to make, see the route that is muted at it")
	}
}

func (c *alertmanager) inhibit(in amInhibit, i int) error {
	title := cmp.Or(clean(in.Name), fmt.Sprintf("inhibit rule %d", i+1))
	row := c.row("inhibit rule", "", title)
	source, ok1 := matchers(in.Source, in.SourceMatch, in.SourceMatchRE)
	target, ok2 := matchers(in.Target, in.TargetMatch, in.TargetMatchRE)
	if !ok1 || !ok2 || len(source) == 0 || len(target) == 0 {
		row.note("its matchers cannot be read or are missing")
		return nil
	}
	spec := inhibitionSpec{Source: source, Target: target}
	for _, l := range in.Equal {
		spec.Equal = append(spec.Equal, clean(l))
	}
	return c.document("Inhibition", c.name("Inhibition", title, ""), title, row, spec)
}
