package convert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/loop/catalog"
)

type ogRef struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Name     string `json:"name"`
	Username string `json:"username"`
}

func (r ogRef) title() string { return cmp.Or(r.Name, r.Username, r.ID) }

type ogUser struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	FullName string `json:"fullName"`
	TimeZone string `json:"timeZone"`
	Blocked  bool   `json:"blocked"`
	Contacts []struct {
		Method string `json:"contactMethod"`
		To     string `json:"to"`
		Status struct {
			Enabled *bool `json:"enabled"`
		} `json:"status"`
	} `json:"userContacts"`
}

type ogContact struct {
	Method string `json:"method"`
	To     string `json:"to"`
	Status struct {
		Enabled *bool `json:"enabled"`
	} `json:"status"`
}

type ogDelay struct {
	Amount float64 `json:"timeAmount"`
	Unit   string  `json:"timeUnit"`
}

func (d ogDelay) minutes() int {
	n := min(max(d.Amount, 0), 1e6)
	switch d.Unit {
	case "seconds":
		n /= 60
	case "hours":
		n *= 60
	case "days":
		n *= 24 * 60
	}
	return int(n)
}

type ogNotify struct {
	Name    string `json:"name"`
	Action  string `json:"actionType"`
	Enabled *bool  `json:"enabled"`
	Steps   []struct {
		Contact ogContact `json:"contact"`
		After   ogDelay   `json:"sendAfter"`
		Enabled *bool     `json:"enabled"`
	} `json:"steps"`
}

type ogSchedule struct {
	ID        string       `json:"id"`
	Name      string       `json:"name"`
	TimeZone  string       `json:"timezone"`
	Enabled   *bool        `json:"enabled"`
	Rotations []ogRotation `json:"rotations"`
}

type ogRotation struct {
	ID           string     `json:"id"`
	Name         string     `json:"name"`
	Start        time.Time  `json:"startDate"`
	End          *time.Time `json:"endDate"`
	Type         string     `json:"type"`
	Length       int        `json:"length"`
	Participants []ogRef    `json:"participants"`
	Restriction  *struct {
		Type         string    `json:"type"`
		Restriction  *ogHours  `json:"restriction"`
		Restrictions []ogHours `json:"restrictions"`
	} `json:"timeRestriction"`
}

type ogHours struct {
	StartDay  string `json:"startDay"`
	StartHour int    `json:"startHour"`
	StartMin  int    `json:"startMin"`
	EndDay    string `json:"endDay"`
	EndHour   int    `json:"endHour"`
	EndMin    int    `json:"endMin"`
}

type ogOverride struct {
	Alias     string    `json:"alias"`
	User      ogRef     `json:"user"`
	Start     time.Time `json:"startDate"`
	End       time.Time `json:"endDate"`
	Rotations []ogRef   `json:"rotations"`
}

type ogTimeline struct {
	Parent ogRef     `json:"_parent"`
	Start  time.Time `json:"startDate"`
	End    time.Time `json:"endDate"`
	Final  struct {
		Rotations []struct {
			Periods []struct {
				Start     time.Time `json:"startDate"`
				End       time.Time `json:"endDate"`
				Recipient ogRef     `json:"recipient"`
			} `json:"periods"`
		} `json:"rotations"`
	} `json:"finalTimeline"`
}

type ogEscalation struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Owner ogRef  `json:"ownerTeam"`
	Rules []struct {
		Condition string  `json:"condition"`
		Notify    string  `json:"notifyType"`
		Delay     ogDelay `json:"delay"`
		Recipient ogRef   `json:"recipient"`
	} `json:"rules"`
	Repeat *struct {
		Wait  int  `json:"waitInterval"`
		Count int  `json:"count"`
		Close bool `json:"closeAlertAfterAll"`
	} `json:"repeat"`
}

type ogTeam struct {
	ogRef
	Members []struct {
		User ogRef `json:"user"`
	} `json:"members"`
}

type ogRouting struct {
	Name    string `json:"name"`
	Default bool   `json:"isDefault"`
	Notify  ogRef  `json:"notify"`
}

type ogService struct {
	ogRef
	Team        string `json:"teamId"`
	Description string `json:"description"`
}

// opsgenie is an export while it is converted.
type opsgenie struct {
	*Plan
	export    Export
	people    *humans
	teams     map[string]ogTeam
	teamNames map[string]string
	schedules parts
	policies  map[string]string
	overrides map[string][]ogOverride
}

// Opsgenie converts an export of Opsgenie.
func Opsgenie(e Export, now time.Time) (*Plan, error) {
	p := newPlan("opsgenie", now)
	c := &opsgenie{p, e, p.humans(), map[string]ogTeam{}, map[string]string{}, parts{}, map[string]string{}, map[string][]ogOverride{}}
	for _, step := range []func() error{c.users, c.readTeams, c.readSchedules, c.timelines, c.readEscalations, c.writeTeams, c.services, c.people.write} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	p.leftOver(e, "users", "contacts", "notification_rules", "teams", "schedules", "overrides", "timelines", "escalations", "routing_rules", "services", "window")
	return p.finish(), nil
}

func off(enabled *bool) bool { return enabled != nil && !*enabled }

var ogChannels = map[string]string{"email": "email", "sms": "sms", "voice": "voice"}

func (h *human) ogContact(method, to string, enabled *bool) {
	if off(enabled) {
		h.row.note("a %s contact that is switched off is left out", method)
		return
	}
	country, number, _ := strings.Cut(to, "-")
	switch channel := ogChannels[method]; channel {
	case "email":
		h.contact("email", to)
	case "":
		h.row.note("a contact of the kind %q is left out; for a phone install web push or ntfy", method)
	default:
		h.contact(channel, phone(country, number))
	}
}

func (c *opsgenie) users() error {
	if err := each(c.export, "users", func(_ string, u ogUser) {
		if u.ID == "" && u.Username == "" {
			return
		}
		h := c.people.add("user", cmp.Or(u.ID, u.Username), cmp.Or(u.FullName, u.Username), u.Username)
		if u.TimeZone != "" {
			h.zone, _ = zoneOf(u.TimeZone, h.row)
		}
		if u.Blocked {
			h.row.note("is blocked there")
		}
		for _, x := range u.Contacts {
			h.ogContact(x.Method, x.To, x.Status.Enabled)
		}
	}); err != nil {
		return err
	}
	if err := each(c.export, "contacts", func(of string, x ogContact) {
		if h := c.people.byID[of]; h != nil {
			h.ogContact(x.Method, x.To, x.Status.Enabled)
		}
	}); err != nil {
		return err
	}
	if err := each(c.export, "users", func(_ string, u ogUser) {
		if h := c.people.byID[cmp.Or(u.ID, u.Username)]; h != nil && len(h.contacts) == 0 {
			h.contact("email", u.Username)
		}
	}); err != nil {
		return err
	}
	return each(c.export, "notification_rules", func(of string, n ogNotify) {
		h := c.people.byID[of]
		switch {
		case h == nil || off(n.Enabled):
			return
		case n.Action != "create-alert":
			h.row.note("the notification rule %q (%s) is left out: only rules for new alerts have a counterpart", n.Name, n.Action)
			return
		}
		for _, s := range n.Steps {
			if channel := ogChannels[s.Contact.Method]; channel != "" && !off(s.Enabled) {
				h.rule(channel, s.After.minutes())
			}
		}
	})
}

func (c *opsgenie) readTeams() error {
	return each(c.export, "teams", func(_ string, t ogTeam) {
		if t.ID == "" {
			return
		}
		if c.teamNames[t.ID] == "" {
			c.teamNames[t.ID] = c.name("Team", t.title(), t.ID)
		}
		if was, ok := c.teams[t.ID]; ok && len(t.Members) == 0 {
			t = was // the list says less than the answer for one team
		}
		c.teams[t.ID] = t
	})
}

func (c *opsgenie) members(team string) (out []string) {
	for _, m := range c.teams[team].Members {
		if name := c.people.find(m.User.title(), m.User.ID, m.User.Username); name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func (c *opsgenie) readSchedules() error {
	if err := each(c.export, "overrides", func(of string, o ogOverride) { c.overrides[of] = append(c.overrides[of], o) }); err != nil {
		return err
	}
	var order []string
	last := map[string]ogSchedule{}
	if err := each(c.export, "schedules", func(_ string, s ogSchedule) {
		was, known := last[s.ID]
		if s.ID == "" {
			return
		}
		if !known {
			order = append(order, s.ID)
		}
		if len(s.Rotations) == 0 {
			s.Rotations = was.Rotations
		}
		last[s.ID] = s
	}); err != nil {
		return err
	}
	for _, id := range order {
		if err := c.schedule(last[id]); err != nil {
			return err
		}
	}
	return nil
}

func (c *opsgenie) schedule(s ogSchedule) error {
	r := c.row("schedule", s.ID, s.Name)
	zone, loc := zoneOf(s.TimeZone, r)
	if off(s.Enabled) {
		r.note("is switched off there; here it is on")
	}
	b := board{plan: c.Plan, row: r, zone: zone, title: cmp.Or(clean(s.Name), s.ID), id: s.ID}
	people := map[string][]string{} // of a rotation
	for i, ro := range s.Rotations {
		title := cmp.Or(clean(ro.Name), fmt.Sprintf("Rotation %d", i+1))
		la, ok := c.rotation(ro, title, loc, r)
		if !ok {
			continue
		}
		b.add(ro.ID, 0, la)
		for _, m := range la.Members {
			if one, ok := m.(string); ok {
				people[ro.ID] = append(people[ro.ID], one)
			} else if several, ok := m.([]string); ok {
				people[ro.ID] = append(people[ro.ID], several...)
			}
		}
	}
	for _, o := range slices.Backward(c.overrides[s.ID]) {
		person := c.people.find(o.User.title(), o.User.ID, o.User.Username)
		if o.User.Type != "" && o.User.Type != "user" || person == "" || !o.End.After(o.Start) || !sane(o.Start) || !sane(o.End) {
			r.note("the override %s is not of one person with an end and is left out", o.Alias)
			continue
		}
		spec := overrideSpec{People: []string{person}, From: local(o.Start, loc), To: local(o.End, loc)}
		if len(o.Rotations) == 0 || len(o.Rotations) >= len(s.Rotations) {
			b.overrides = append(b.overrides, spec)
			continue
		}
		for _, ref := range o.Rotations {
			for _, other := range slices.Compact(slices.Sorted(slices.Values(people[ref.ID]))) {
				if spec.Instead = other; other != person {
					b.overrides = append(b.overrides, spec)
				}
			}
		}
	}
	ours, err := b.write()
	if len(ours) > 0 {
		c.schedules[s.ID], c.schedules[s.Name] = ours, ours
	}
	return err
}

var ogTurns = map[string]time.Duration{"hourly": time.Hour, "daily": 24 * time.Hour, "weekly": 7 * 24 * time.Hour}

func (c *opsgenie) rotation(ro ogRotation, title string, loc *time.Location, r *Row) (layerSpec, bool) {
	turn := ogTurns[ro.Type] * time.Duration(min(max(ro.Length, 1), 400))
	switch {
	case turn == 0 || ro.Start.IsZero() || !sane(ro.Start) || ro.End != nil && !sane(*ro.End):
		r.note("rotation %q of the type %q is not understood and is left out", title, ro.Type)
		return layerSpec{}, false
	case ro.End != nil && !ro.End.After(ro.Start):
		r.note("rotation %q ends before it begins and is left out", title)
		return layerSpec{}, false
	}
	la := layerSpec{Name: title, Start: local(ro.Start, loc), Turn: catalog.Duration(turn).String()}
	if ro.End != nil {
		la.Until = local(*ro.End, loc)
	}
	for _, x := range ro.Participants {
		var turnOf []string
		switch x.Type {
		case "user":
			turnOf = []string{c.people.find(x.title(), x.ID, x.Username)}
		case "team":
			turnOf = c.members(x.ID)
			r.note("the team %q takes a turn of rotation %q: its members of today are written", x.title(), title)
		case "none":
			if n := len(la.Members); n > 0 {
				la.Members = append(la.Members, la.Members[n-1])
				r.note("a turn of rotation %q is nobody's; here the one before stays on call", title)
			} else {
				r.note("the first turn of rotation %q is nobody's and is left out: the turns after it move", title)
			}
			continue
		default:
			r.note("the participant %s %q of rotation %q has no counterpart and is left out: the turns after it move", x.Type, x.title(), title)
			continue
		}
		turnOf = slices.DeleteFunc(turnOf, func(s string) bool { return s == "" })
		if len(turnOf) > 0 {
			la.Members = append(la.Members, crew(turnOf))
		}
	}
	if len(la.Members) == 0 {
		r.note("rotation %q has nobody in it and is left out", title)
		return layerSpec{}, false
	}
	if x := ro.Restriction; x != nil {
		hours := x.Restrictions
		if x.Restriction != nil {
			hours = append(hours, *x.Restriction)
		}
		for _, h := range hours {
			spec, ok := h.spec(x.Type == "weekday-and-time-of-day")
			if !ok {
				r.note("a restriction of rotation %q is not understood: the rotation has somebody at all hours", title)
				la.Restrictions = nil
				break
			}
			la.Restrictions = append(la.Restrictions, spec)
		}
	}
	return la, true
}

func (h ogHours) spec(weekly bool) (restrictionSpec, bool) {
	at := func(hour, minute int) (string, bool) {
		return clock(hour*3600 + minute*60), hour >= 0 && hour <= 24 && minute >= 0 && minute < 60 && hour*60+minute <= 1440
	}
	from, ok1 := at(h.StartHour, h.StartMin)
	to, ok2 := at(h.EndHour, h.EndMin)
	if !weekly {
		return restrictionSpec{From: from, To: to}, ok1 && ok2 && h.StartHour < 24
	}
	d1, err1 := catalog.Weekday(h.StartDay).Day()
	d2, err2 := catalog.Weekday(h.EndDay).Day()
	if h.EndHour == 24 {
		d2 = (d2 + 1) % 7
	}
	return restrictionSpec{From: weekdays[d1] + " " + from, To: weekdays[d2] + " " + to}, ok1 && ok2 && h.StartHour < 24 && err1 == nil && err2 == nil
}

func (c *opsgenie) timelines() error {
	w, err := windowOf(c.export)
	if err != nil {
		return err
	}
	type seen struct {
		name   string
		window window
		shifts []Shift
	}
	all := map[string]*seen{}
	err = each(c.export, "timelines", func(of string, t ogTimeline) {
		id := cmp.Or(t.Parent.ID, of)
		s := all[id]
		if s == nil {
			s = &seen{name: cmp.Or(t.Parent.Name, id), window: w}
			all[id] = s
			if t.Start.After(w.From) {
				s.window.From = t.Start
			}
			if !t.End.IsZero() && (w.To.IsZero() || t.End.Before(w.To)) {
				s.window.To = t.End
			}
		}
		for _, ro := range t.Final.Rotations {
			for _, x := range ro.Periods {
				names := []string{}
				if x.Recipient.Type == "team" {
					names = c.members(x.Recipient.ID)
				} else if x.Recipient.Type == "" || x.Recipient.Type == "user" {
					names = append(names, c.people.find(x.Recipient.title(), x.Recipient.ID, x.Recipient.Username))
				}
				for _, n := range names {
					if n != "" && x.End.After(x.Start) {
						s.shifts = append(s.shifts, Shift{n, x.Start, x.End})
					}
				}
			}
		}
	})
	if err != nil {
		return err
	}
	done := map[string]bool{}
	return each(c.export, "schedules", func(_ string, sc ogSchedule) {
		if done[sc.ID] || len(c.schedules[sc.ID]) == 0 {
			return
		}
		done[sc.ID] = true
		if s := all[sc.ID]; s != nil {
			c.render(cmp.Or(sc.Name, s.name), c.schedules[sc.ID], s.window, s.shifts)
		} else {
			c.Unseen = append(c.Unseen, clean(sc.Name))
		}
	})
}
