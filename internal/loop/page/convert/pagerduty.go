package convert

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
)

type pdRef struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Summary string `json:"summary"`
	Name    string `json:"name"`
}

func (r pdRef) title() string { return cmp.Or(r.Name, r.Summary, r.ID) }

type pdUser struct {
	pdRef
	Email    string  `json:"email"`
	TimeZone string  `json:"time_zone"`
	Teams    []pdRef `json:"teams"`
	Contacts []struct {
		pdRef
		Address     string `json:"address"`
		CountryCode int    `json:"country_code"`
	} `json:"contact_methods"`
	Rules []struct {
		Delay   int    `json:"start_delay_in_minutes"`
		Urgency string `json:"urgency"`
		Contact pdRef  `json:"contact_method"`
	} `json:"notification_rules"`
}

type pdEntry struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	User  pdRef     `json:"user"`
}

type pdSchedule struct {
	pdRef
	TimeZone string    `json:"time_zone"`
	Layers   []pdLayer `json:"schedule_layers"`
	Final    *struct {
		Entries []pdEntry `json:"rendered_schedule_entries"`
	} `json:"final_schedule"`
}

type pdLayer struct {
	Name         string     `json:"name"`
	Start        time.Time  `json:"start"`
	End          *time.Time `json:"end"`
	VirtualStart time.Time  `json:"rotation_virtual_start"`
	Turn         int64      `json:"rotation_turn_length_seconds"`
	Users        []struct {
		User pdRef `json:"user"`
	} `json:"users"`
	Restrictions []struct {
		Type     string `json:"type"`
		Start    string `json:"start_time_of_day"`
		Duration int    `json:"duration_seconds"`
		Day      int    `json:"start_day_of_week"`
	} `json:"restrictions"`
}

type pdPolicy struct {
	pdRef
	Loops int     `json:"num_loops"`
	Teams []pdRef `json:"teams"`
	Rules []struct {
		Delay    int     `json:"escalation_delay_in_minutes"`
		Targets  []pdRef `json:"targets"`
		Strategy struct {
			Type string `json:"type"`
		} `json:"escalation_rule_assignment_strategy"`
	} `json:"escalation_rules"`
}

type pdService struct {
	pdRef
	Description  string  `json:"description"`
	Policy       pdRef   `json:"escalation_policy"`
	Teams        []pdRef `json:"teams"`
	Integrations []pdRef `json:"integrations"`
}

// pagerDuty is an export while it is converted.
type pagerDuty struct {
	*Plan
	export    Export
	people    *humans
	schedules parts
	policies  map[string]string
	teams     map[string]string
	ofPolicy  map[string]string // team of a policy
}

// parts are the schedules that each of theirs became, by id.
type parts map[string][]string

// PagerDuty converts an export of PagerDuty.
func PagerDuty(e Export, now time.Time) (*Plan, error) {
	p := newPlan("pagerduty", now)
	c := &pagerDuty{p, e, p.humans(), parts{}, map[string]string{}, map[string]string{}, map[string]string{}}
	for _, step := range []func() error{c.users, c.readSchedules, c.readPolicies, c.readTeams, c.readServices, c.people.write} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	p.leftOver(e, "users", "schedules", "escalation_policies", "teams", "services", "overrides", "window")
	return p.finish(), nil
}

// leftOver says which kinds of an export nobody read.
func (p *Plan) leftOver(e Export, known ...string) {
	for _, kind := range sortedKeys(e) {
		if !slices.Contains(known, kind) {
			p.row(kind, "", fmt.Sprintf("%d in the export", len(e[kind]))).note("there is no counterpart; they are left out")
		}
	}
}

func (c *pagerDuty) users() error {
	return each(c.export, "users", func(_ string, u pdUser) {
		if u.ID == "" {
			return
		}
		h := c.people.add("user", u.ID, u.title())
		if len(h.contacts) > 0 {
			return
		}
		if u.TimeZone != "" {
			h.zone, _ = zoneOf(u.TimeZone, h.row)
		}
		channels := map[string]string{}
		for _, m := range u.Contacts {
			number := phone(fmt.Sprint(m.CountryCode), m.Address)
			switch kind := strings.TrimSuffix(m.Type, "_reference"); kind {
			case "email_contact_method":
				channels[m.ID] = "email"
				h.contact("email", m.Address)
			case "phone_contact_method":
				channels[m.ID] = "voice"
				h.contact("voice", number)
			case "sms_contact_method":
				channels[m.ID] = "sms"
				h.contact("sms", number)
			case "push_notification_contact_method":
				h.row.note("PagerDuty's app does not reach Nightkeeper: install web push or ntfy on the phone")
			default:
				h.row.note("a contact of the kind %q is left out", kind)
			}
		}
		if len(h.contacts) == 0 {
			h.contact("email", u.Email)
		}
		urgencies := map[string]bool{}
		for _, r := range u.Rules {
			channel := cmp.Or(channels[r.Contact.ID], map[string]string{
				"email_contact_method": "email", "phone_contact_method": "voice", "sms_contact_method": "sms",
			}[strings.TrimSuffix(r.Contact.Type, "_reference")])
			if channel == "" {
				continue // the contact has its note
			}
			severities := []string{"SEV1", "SEV2"}
			if r.Urgency == "low" {
				severities = []string{"SEV3", "SEV4"}
			}
			urgencies[r.Urgency] = true
			h.rule(channel, r.Delay, severities...)
		}
		if urgencies["high"] {
			h.row.note("rules of high urgency are for SEV1 and SEV2, of low urgency for SEV3")
		}
	})
}

func (c *pagerDuty) readSchedules() error {
	w, err := windowOf(c.export)
	if err != nil {
		return err
	}
	overrides := map[string][]pdEntry{}
	if err := each(c.export, "overrides", func(of string, o pdEntry) { overrides[of] = append(overrides[of], o) }); err != nil {
		return err
	}
	var order []*pdSchedule
	byID := map[string]*pdSchedule{}
	for i, item := range c.export["schedules"] {
		var ref pdRef
		if err := json.Unmarshal(item.JSON, &ref); err != nil {
			return errs.New(errs.Invalid, "item %d of schedules is not as the API writes it: %v", i+1, err)
		}
		if ref.ID == "" {
			continue
		}
		s := byID[ref.ID]
		if s == nil {
			s = &pdSchedule{}
			byID[ref.ID] = s
			order = append(order, s)
		}
		// A list has less in it than the answer for one schedule: what comes later fills in.
		if err := json.Unmarshal(item.JSON, s); err != nil {
			return errs.New(errs.Invalid, "schedule %s is not as the API writes it: %v", ref.ID, err)
		}
	}
	for _, s := range order {
		if err := c.schedule(s, overrides[s.ID], w); err != nil {
			return err
		}
	}
	return nil
}

func (c *pagerDuty) schedule(s *pdSchedule, overrides []pdEntry, w window) error {
	r := c.row("schedule", s.ID, s.title())
	name, loc := zoneOf(s.TimeZone, r)
	spec := scheduleSpec{TimeZone: name}
	used := map[string]bool{}
	for i, l := range slices.Backward(s.Layers) { // the API has the highest layer first
		title := cmp.Or(clean(l.Name), fmt.Sprintf("Layer %d", len(s.Layers)-i))
		for used[title] {
			title += "'"
		}
		if la, ok := c.layer(l, title, loc, r); ok {
			used[title] = true
			spec.Layers = append(spec.Layers, la)
		}
	}
	if len(spec.Layers) == 0 {
		r.note("it has no layer with people; a schedule without anybody cannot be written")
		return nil
	}
	// Of two overrides at the same time the one made later counts; ours are read from the top.
	for _, o := range slices.Backward(overrides) {
		person := c.people.find(o.User.title(), o.User.ID)
		if person == "" || !o.End.After(o.Start) {
			r.note("an override at %s without a person or an end is left out", o.Start.Format(time.RFC3339))
			continue
		}
		spec.Overrides = append(spec.Overrides, overrideSpec{People: []string{person}, From: local(o.Start, loc), To: local(o.End, loc)})
	}
	ours := c.name("Schedule", s.title(), s.ID)
	c.schedules[s.ID] = []string{ours}
	if s.Final == nil {
		c.Unseen = append(c.Unseen, clean(s.title()))
	} else {
		shifts := []Shift{}
		for _, e := range s.Final.Entries {
			if person := c.people.find(e.User.title(), e.User.ID); person != "" && e.End.After(e.Start) {
				shifts = append(shifts, Shift{person, e.Start, e.End})
			}
		}
		c.render(s.title(), c.schedules[s.ID], w, shifts)
	}
	return c.document("Schedule", ours, s.title(), r, spec)
}

const longestTurn = 10 * 366 * 24 * time.Hour

func (c *pagerDuty) layer(l pdLayer, title string, loc *time.Location, r *Row) (layerSpec, bool) {
	turn := time.Duration(min(l.Turn, int64(longestTurn/time.Second))) * time.Second
	begin := l.VirtualStart
	if begin.IsZero() {
		begin = l.Start
	}
	switch {
	case len(l.Users) == 0:
		r.note("layer %q has nobody in it and is left out", title)
		return layerSpec{}, false
	case turn < time.Minute || begin.IsZero():
		r.note("layer %q has no start or a turn of %d seconds and is left out", title, l.Turn)
		return layerSpec{}, false
	case !sane(begin) || !sane(l.Start) || l.End != nil && !sane(*l.End):
		r.note("layer %q has a time that is none and is left out", title)
		return layerSpec{}, false
	case l.End != nil && !l.End.After(l.Start):
		r.note("layer %q ends before it begins and is left out", title)
		return layerSpec{}, false
	}
	la := layerSpec{Name: title, Start: local(begin, loc), Turn: catalog.Duration(turn).String()}
	if !l.Start.Equal(begin) && !l.Start.IsZero() {
		la.From = local(l.Start, loc)
	}
	if l.End != nil {
		la.Until = local(*l.End, loc)
	}
	for _, u := range l.Users {
		if person := c.people.find(u.User.title(), u.User.ID); person != "" {
			la.Members = append(la.Members, person)
		}
	}
	if len(la.Members) == 0 {
		r.note("layer %q has nobody in it and is left out", title)
		return layerSpec{}, false
	}
	for _, x := range l.Restrictions {
		at, _, _, err := catalog.Clock(x.Start).Parse()
		weekly := x.Type == "weekly_restriction"
		switch {
		case err != nil || at >= 86400 || x.Duration <= 0 || weekly && (x.Day < 1 || x.Day > 7) || !weekly && x.Type != "daily_restriction":
			r.note("a restriction of layer %q is not understood: the layer has somebody at all hours", title)
			la.Restrictions = nil
			return la, true
		case weekly && x.Duration >= 7*86400 || !weekly && x.Duration >= 86400:
			la.Restrictions = nil
			return la, true
		case weekly:
			end := at + x.Duration
			la.Restrictions = append(la.Restrictions, restrictionSpec{
				From: weekdays[x.Day%7] + " " + clock(at), To: weekdays[(x.Day+end/86400)%7] + " " + clock(end),
			})
		default:
			la.Restrictions = append(la.Restrictions, restrictionSpec{From: clock(at), To: clock(at + x.Duration)})
		}
	}
	return la, true
}

// sane reports whether a time can be written with four digits of a year.
func sane(t time.Time) bool { return t.IsZero() || t.Year() > 1900 && t.Year() < 9000 }

func (c *pagerDuty) readPolicies() error {
	var failed error
	err := each(c.export, "escalation_policies", func(_ string, p pdPolicy) {
		if p.ID == "" || c.policies[p.ID] != "" || failed != nil {
			return
		}
		r := c.row("escalation policy", p.ID, p.title())
		l := ladder{row: r}
		for i, rule := range p.Rules {
			if rule.Strategy.Type == "round_robin" && len(rule.Targets) > 1 {
				r.note("rule %d takes turns between its %d targets (round robin), which Nightkeeper has not: all of them are paged at once", i+1, len(rule.Targets))
			}
			var ts []targetSpec
			for _, t := range rule.Targets {
				ts = append(ts, c.target(t, r)...)
			}
			l.page(ts)
			l.wait(max(rule.Delay, 1))
		}
		loops := p.Loops + 1
		c.policies[p.ID] = l.write(c.Plan, p.title(), p.ID, loops, &failed)
		if len(p.Teams) > 0 {
			c.ofPolicy[p.ID] = p.Teams[0].ID
		}
	})
	return cmp.Or(err, failed)
}

func (c *pagerDuty) target(t pdRef, r *Row) (out []targetSpec) {
	switch strings.TrimSuffix(t.Type, "_reference") {
	case "user":
		if name := c.people.find(t.title(), t.ID); name != "" {
			out = append(out, targetSpec{Person: name})
		}
	case "schedule":
		for _, s := range c.schedules[t.ID] {
			out = append(out, targetSpec{Schedule: s})
		}
	}
	if len(out) == 0 {
		r.note("the target %s %q could not be mapped and is left out", cmp.Or(t.Type, "without a type"), t.title())
	}
	return out
}

func (c *pagerDuty) readTeams() error {
	members := map[string][]string{}
	if err := each(c.export, "users", func(_ string, u pdUser) {
		for _, t := range u.Teams {
			if name := c.people.find(u.title(), u.ID); name != "" && !slices.Contains(members[t.ID], name) {
				members[t.ID] = append(members[t.ID], name)
			}
		}
	}); err != nil {
		return err
	}
	var failed error
	err := each(c.export, "teams", func(_ string, t pdRef) {
		if t.ID == "" || c.teams[t.ID] != "" || failed != nil {
			return
		}
		name := c.name("Team", t.title(), t.ID)
		c.teams[t.ID] = name
		failed = c.document("Team", name, t.title(), c.row("team", t.ID, t.title()), teamSpec{Members: members[t.ID]})
	})
	return cmp.Or(err, failed)
}

func (c *pagerDuty) readServices() error {
	var failed error
	seen, nobody := map[string]bool{}, ""
	err := each(c.export, "services", func(_ string, s pdService) {
		if s.ID == "" || seen[s.ID] || failed != nil {
			return
		}
		seen[s.ID] = true
		r := c.row("service", s.ID, s.title())
		team := c.teams[c.ofPolicy[s.Policy.ID]]
		for _, t := range slices.Backward(s.Teams) {
			team = cmp.Or(c.teams[t.ID], team)
		}
		if team == "" {
			if nobody == "" {
				nobody = c.name("Team", "Imported", "")
				failed = c.document("Team", nobody, "Imported, without a team", nil, teamSpec{})
			}
			team = nobody
			r.note("has no team: it is given to %s", nobody)
		}
		policy := c.policies[s.Policy.ID]
		if policy == "" {
			r.note("its escalation policy %q could not be mapped", s.Policy.title())
		}
		if n := len(s.Integrations); n > 0 {
			r.note("its integrations (%d) are not mapped: send to Nightkeeper's PagerDuty address instead", n)
		}
		name := c.name("Service", s.title(), s.ID)
		failed = cmp.Or(failed, c.document("Service", name, s.title(), r, serviceSpec{team, clean(s.Description), policy}))
	})
	return cmp.Or(err, failed)
}
