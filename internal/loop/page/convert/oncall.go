package convert

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/loop/catalog"
)

type ocUser struct {
	ID       string `json:"id"`
	Email    string `json:"email"`
	Username string `json:"username"`
	Name     string `json:"name"`
	TimeZone string `json:"timezone"`
	Slack    *struct {
		UserID string `json:"user_id"`
	} `json:"slack"`
	Teams []string `json:"teams"`
}

type ocTeam struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type ocSchedule struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	TimeZone string   `json:"time_zone"`
	Shifts   []string `json:"shifts"`
	Primary  string   `json:"ical_url_primary"`
	Over     string   `json:"ical_url_overrides"`
}

type ocShift struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Type       string     `json:"type"`
	TimeZone   string     `json:"time_zone"`
	Level      int        `json:"level"`
	Start      string     `json:"start"`
	Rotation   string     `json:"rotation_start"`
	Duration   int        `json:"duration"`
	Frequency  string     `json:"frequency"`
	Interval   int        `json:"interval"`
	Until      string     `json:"until"`
	WeekStart  string     `json:"week_start"`
	ByDay      []string   `json:"by_day"`
	ByMonth    []int      `json:"by_month"`
	ByMonthDay []int      `json:"by_monthday"`
	Users      []string   `json:"users"`
	Rolling    [][]string `json:"rolling_users"`
	FirstIndex int        `json:"start_rotation_from_user_index"`
}

type ocFinal struct {
	User     string    `json:"user_pk"`
	Email    string    `json:"user_email"`
	Username string    `json:"user_username"`
	Start    time.Time `json:"shift_start"`
	End      time.Time `json:"shift_end"`
}

type ocChain struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type ocStep struct {
	ID       string   `json:"id"`
	Chain    string   `json:"escalation_chain_id"`
	Position int      `json:"position"`
	Type     string   `json:"type"`
	Duration *float64 `json:"duration"`
	Persons  []string `json:"persons_to_notify"`
	Next     []string `json:"persons_to_notify_next_each_time"`
	Schedule string   `json:"notify_on_call_from_schedule"`
	Team     string   `json:"notify_to_team_members"`
	TeamToo  string   `json:"team_to_notify"`
}

type ocRule struct {
	User      string   `json:"user_id"`
	Position  int      `json:"position"`
	Important bool     `json:"important"`
	Type      string   `json:"type"`
	Duration  *float64 `json:"duration"`
}

// onCall is an export of Grafana OnCall while it is converted.
type onCall struct {
	*Plan
	export    Export
	people    *humans
	teams     map[string]string
	members   map[string][]string
	schedules parts
}

// GrafanaOnCall converts an export of Grafana OnCall.
func GrafanaOnCall(e Export, now time.Time) (*Plan, error) {
	p := newPlan("grafana-oncall", now)
	c := &onCall{p, e, p.humans(), map[string]string{}, map[string][]string{}, parts{}}
	for _, step := range []func() error{c.users, c.readTeams, c.readSchedules, c.chains, c.people.write} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	p.leftOver(e, "users", "teams", "personal_notification_rules", "schedules", "on_call_shifts", "final_shifts", "escalation_chains", "escalation_policies", "window")
	return p.finish(), nil
}

func (c *onCall) users() error {
	if err := each(c.export, "users", func(_ string, u ocUser) {
		if u.ID == "" || c.people.byID[u.ID] != nil {
			return
		}
		h := c.people.add("user", u.ID, cmp.Or(u.Name, u.Username, u.Email), u.Username, u.Email)
		if u.TimeZone != "" {
			h.zone, _ = zoneOf(u.TimeZone, h.row)
		}
		h.contact("email", u.Email)
		if u.Slack != nil {
			h.contact("slack", u.Slack.UserID)
		}
		for _, t := range u.Teams {
			c.members[t] = append(c.members[t], h.name)
		}
	}); err != nil {
		return err
	}
	channels := map[string]string{"notify_by_email": "email", "notify_by_slack": "slack", "notify_by_sms": "sms", "notify_by_phone_call": "voice"}
	waited := map[string]int{}
	return each(c.export, "personal_notification_rules", func(_ string, r ocRule) {
		h := c.people.byID[r.User]
		switch {
		case h == nil:
		case r.Important:
			h.row.note("rules for important notifications are left out: here rules differ by severity")
		case r.Type == "wait" && r.Duration != nil:
			waited[r.User] += int(min(max(*r.Duration, 0), 86400)) / 60
		case channels[r.Type] == "":
			h.row.note("the notification rule %q has no counterpart and is left out; for a phone install web push or ntfy", r.Type)
		default:
			h.rule(channels[r.Type], waited[r.User])
		}
	})
}

func (c *onCall) readTeams() error {
	var failed error
	err := each(c.export, "teams", func(_ string, t ocTeam) {
		if t.ID == "" || c.teams[t.ID] != "" || failed != nil {
			return
		}
		name := c.name("Team", t.Name, t.ID)
		c.teams[t.ID] = name
		failed = c.document("Team", name, cmp.Or(t.Name, t.ID), c.row("team", t.ID, t.Name), teamSpec{Members: slices.Compact(slices.Sorted(slices.Values(c.members[t.ID])))})
	})
	return cmp.Or(err, failed)
}

func (c *onCall) readSchedules() error {
	w, err := windowOf(c.export)
	if err != nil {
		return err
	}
	shifts := map[string]ocShift{}
	if err := each(c.export, "on_call_shifts", func(_ string, s ocShift) { shifts[s.ID] = s }); err != nil {
		return err
	}
	final := map[string][]Shift{}
	if err := each(c.export, "final_shifts", func(of string, f ocFinal) {
		if person := c.people.find(cmp.Or(f.Username, f.Email), f.User, f.Username, f.Email); person != "" && f.End.After(f.Start) {
			final[of] = append(final[of], Shift{person, f.Start, f.End})
		}
	}); err != nil {
		return err
	}
	var failed error
	err = each(c.export, "schedules", func(_ string, s ocSchedule) {
		if s.ID == "" || len(c.schedules[s.ID]) > 0 || failed != nil {
			return
		}
		if failed = c.schedule(s, shifts); failed != nil {
			return
		}
		if len(final[s.ID]) == 0 {
			if len(c.schedules[s.ID]) > 0 {
				c.Unseen = append(c.Unseen, clean(s.Name))
			}
			return
		}
		c.render(s.Name, c.schedules[s.ID], w, final[s.ID])
	})
	return cmp.Or(err, failed)
}

func (c *onCall) schedule(s ocSchedule, shifts map[string]ocShift) error {
	r := c.row("schedule", s.ID, s.Name)
	if s.Type == "ical" || s.Primary != "" {
		r.note("it is an iCal calendar of another program: Nightkeeper reads none; write its layers by hand")
		return nil
	}
	if s.Over != "" {
		r.note("its overrides come from an iCal calendar and are left out")
	}
	zone, loc := zoneOf(s.TimeZone, r)
	b := board{plan: c.Plan, row: r, zone: zone, title: cmp.Or(clean(s.Name), s.ID), id: s.ID}
	for _, id := range s.Shifts {
		x, ok := shifts[id]
		if !ok {
			r.note("the shift %s is not in the export", id)
			continue
		}
		title := cmp.Or(clean(x.Name), id)
		in, layerZone := loc, ""
		if x.TimeZone != "" && x.TimeZone != s.TimeZone {
			name, l := zoneOf(x.TimeZone, r)
			if name != zone {
				in, layerZone = l, name
			}
		}
		// Times are naive, in the zone of the shift; some answers have an offset all the same.
		start, err := readWall(x.Start, in)
		if err != nil || x.Duration <= 0 || x.Duration > 10*366*86400 {
			r.note("the shift %q has no start or no duration and is left out", title)
			continue
		}
		if x.Type == "override" {
			people := c.named(x.Users, x.Rolling)
			if len(people) == 0 {
				r.note("the override %q puts nobody on call and is left out: here somebody is always on call in an override", title)
				continue
			}
			from := catalog.Resolve(start, in)
			b.overrides = append(b.overrides, overrideSpec{People: people, From: local(from, loc), To: local(from.Add(time.Duration(x.Duration)*time.Second), loc)})
			continue
		}
		la, why := c.shift(x, start, in)
		if why != "" {
			r.note("the shift %q %s and is left out", title, why)
			continue
		}
		la.Name, la.TimeZone = title, layerZone
		b.add(x.ID, x.Level, la)
	}
	ours, err := b.write()
	if len(ours) > 0 {
		c.schedules[s.ID] = ours
	}
	return err
}

// readWall reads a naive time as the fields of a time in UTC.
func readWall(s string, loc *time.Location) (time.Time, error) {
	t, err := catalog.Time(s).Wall(loc)
	if err == nil && (s == "" || !sane(t)) {
		err = fmt.Errorf("%q is no time", s)
	}
	return t, err
}

// named returns the people of a shift, each once.
func (c *onCall) named(users []string, rolling [][]string) (out []string) {
	for _, list := range append([][]string{users}, rolling...) {
		for _, u := range list {
			if name := c.people.find(u, u); name != "" && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

const writtenWall = "2006-01-02T15:04:05"

var ocDays = []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}

// shift returns the layer of a shift, or why there is none.
func (c *onCall) shift(x ocShift, start time.Time, loc *time.Location) (la layerSpec, why string) {
	duration := time.Duration(x.Duration) * time.Second
	if x.Type == "single_event" {
		people := c.named(x.Users, nil)
		if len(people) == 0 {
			return la, "has nobody in it"
		}
		from := catalog.Resolve(start, loc)
		return layerSpec{Start: local(from, loc), Turn: catalog.Duration(max(duration, time.Minute)).String(),
			Until: local(from.Add(duration), loc), Members: []any{crew(people)}}, ""
	}
	switch x.Type {
	case "rolling_users":
		for i := range x.Rolling {
			people := c.named(x.Rolling[(i+max(x.FirstIndex, 0))%len(x.Rolling)], nil)
			if len(people) == 0 {
				return la, "has a turn of nobody"
			}
			la.Members = append(la.Members, crew(people))
		}
	case "recurrent_event":
		if people := c.named(x.Users, nil); len(people) > 0 {
			la.Members = []any{crew(people)}
		}
	default:
		return la, fmt.Sprintf("is of the type %q, which is not known,", x.Type)
	}
	if len(la.Members) == 0 {
		return la, "has nobody in it"
	}
	if len(x.ByMonth) > 0 || len(x.ByMonthDay) > 0 {
		return la, "recurs by month"
	}
	interval := min(max(x.Interval, 1), 400)
	unit := map[string]time.Duration{"hourly": time.Hour, "daily": 24 * time.Hour, "weekly": 7 * 24 * time.Hour}[x.Frequency]
	if unit == 0 {
		return la, fmt.Sprintf("recurs %s, which turns of one length cannot say,", cmp.Or(x.Frequency, "in no known way"))
	}
	turn := unit * time.Duration(interval)
	la.Start, la.Turn = start.Format(writtenWall), catalog.Duration(turn).String()
	if x.Rotation != "" {
		if from, err := readWall(x.Rotation, loc); err == nil && from.After(start) {
			la.From = from.Format(writtenWall)
		}
	}
	if x.Until != "" {
		until, err := readWall(x.Until, loc)
		if err != nil || !until.After(start) || la.From != "" && until.Format(writtenWall) <= la.From {
			return la, "has an end that is none, or before its start,"
		}
		la.Until = until.Format(writtenWall)
	}
	at := start.Hour()*3600 + start.Minute()*60 + start.Second()
	switch day := 24 * time.Hour; {
	case len(x.ByDay) > 0:
		return c.byDay(x, la, start, at, interval)
	case duration == turn:
		return la, ""
	case duration > turn:
		return la, "is longer than its interval, so that it overlaps itself,"
	case interval == 1 && unit == day:
		la.Restrictions = []restrictionSpec{{From: clock(at), To: clock(at + x.Duration)}}
	case interval == 1 && unit == 7*day:
		end := at + x.Duration
		la.Restrictions = []restrictionSpec{{From: weekdays[start.Weekday()] + " " + clock(at), To: weekdays[(int(start.Weekday())+end/86400)%7] + " " + clock(end)}}
	default:
		return la, fmt.Sprintf("lasts %s of every %s, a pause that a layer cannot have,", catalog.Duration(duration), catalog.Duration(turn))
	}
	return la, ""
}

// byDay is a shift on some days of the week. Its turns begin at the start of a week at the hour of the shift, so that a
// shift over midnight at the end of a week stays with whom it began.
func (c *onCall) byDay(x ocShift, la layerSpec, start time.Time, at, interval int) (layerSpec, string) {
	switch {
	case x.Duration > 86400:
		return la, "is on days of the week and longer than one of them"
	case x.Frequency != "weekly" && len(la.Members) > 1:
		return la, "takes turns each day and is on some days of the week only"
	case x.Frequency == "weekly" && interval > 1:
		return la, "is on days of the week and not in every week"
	case x.Frequency == "hourly" || x.Frequency == "daily" && interval > 1:
		return la, "is on days of the week and at an interval"
	}
	restriction := restrictionSpec{From: clock(at), To: clock(at + x.Duration)}
	for _, d := range x.ByDay {
		i := slices.Index(ocDays, strings.ToUpper(d))
		if i < 0 {
			return la, fmt.Sprintf("is on %q, which is no day,", d)
		}
		restriction.Days = append(restriction.Days, weekdays[i])
	}
	la.Restrictions = []restrictionSpec{restriction}
	first := max(slices.Index(ocDays, strings.ToUpper(cmp.Or(x.WeekStart, "SU"))), 0)
	back := (int(start.Weekday()) - first + 7) % 7
	la.Turn = "7d"
	if begin := start.AddDate(0, 0, -back); !begin.Equal(start) {
		if la.From == "" {
			la.From = la.Start
		}
		la.Start = begin.Format(writtenWall)
	}
	return la, ""
}

func (c *onCall) chains() error {
	steps := map[string][]ocStep{}
	for i, item := range c.export["escalation_policies"] {
		var s ocStep
		if err := json.Unmarshal(item.JSON, &s); err != nil {
			return fmt.Errorf("item %d of escalation_policies is not as the API writes it: %w", i+1, err)
		}
		steps[s.Chain] = append(steps[s.Chain], s)
	}
	var failed error
	seen := map[string]bool{}
	err := each(c.export, "escalation_chains", func(_ string, ch ocChain) {
		if ch.ID == "" || seen[ch.ID] || failed != nil {
			return
		}
		seen[ch.ID] = true
		r := c.row("escalation chain", ch.ID, ch.Name)
		l, loops := ladder{row: r}, 1
		list := steps[ch.ID]
		slices.SortStableFunc(list, func(a, b ocStep) int { return cmp.Compare(a.Position, b.Position) })
		for _, s := range list {
			switch s.Type {
			case "wait":
				if s.Duration != nil {
					l.wait(max(int(min(*s.Duration, 86400)/60), 1))
				}
			case "notify_persons":
				l.page(c.persons(s.Persons))
			case "notify_person_next_each_time":
				if len(s.Next) > 1 {
					r.note("a step takes turns between %d people (round robin), which Nightkeeper has not: all of them are paged at once", len(s.Next))
				}
				l.page(c.persons(s.Next))
			case "notify_on_call_from_schedule":
				var ts []targetSpec
				for _, name := range c.schedules[s.Schedule] {
					ts = append(ts, targetSpec{Schedule: name})
				}
				if len(ts) == 0 {
					r.note("a step pages the schedule %s, which could not be mapped, and is left out", s.Schedule)
				}
				l.page(ts)
			case "notify_team_members":
				if name := c.teams[cmp.Or(s.Team, s.TeamToo)]; name != "" {
					l.page([]targetSpec{{Team: name}})
				} else {
					r.note("a step pages a team that is not in the export and is left out")
				}
			case "repeat_escalation":
				loops = 6
			case "notify_if_time_from_to":
				r.note("a step goes on at some hours only; here the steps after it are taken at all hours")
			default:
				r.note("a step %q has no counterpart and is left out", s.Type)
			}
			if loops > 1 {
				break // what stands after it is never reached
			}
		}
		if len(list) == 0 {
			r.note("it has no steps")
		}
		l.write(c.Plan, cmp.Or(ch.Name, ch.ID), ch.ID, loops, &failed)
	})
	return cmp.Or(err, failed)
}

func (c *onCall) persons(ids []string) (out []targetSpec) {
	for _, name := range c.named(ids, nil) {
		out = append(out, targetSpec{Person: name})
	}
	return out
}
