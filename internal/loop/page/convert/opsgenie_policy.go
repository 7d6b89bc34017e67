package convert

import (
	"cmp"
	"slices"
)

func (c *opsgenie) readEscalations() error {
	var failed error
	err := each(c.export, "escalations", func(_ string, e ogEscalation) {
		if e.ID == "" || c.policies[e.ID] != "" || failed != nil {
			return
		}
		r := c.row("escalation", e.ID, e.Name)
		l := ladder{row: r}
		waited := 0
		slices.SortStableFunc(e.Rules, func(a, b struct {
			Condition string  `json:"condition"`
			Notify    string  `json:"notifyType"`
			Delay     ogDelay `json:"delay"`
			Recipient ogRef   `json:"recipient"`
		}) int {
			return cmp.Compare(a.Delay.minutes(), b.Delay.minutes())
		})
		for i, rule := range e.Rules {
			if rule.Condition == "if-not-closed" {
				r.note("rule %d goes on until the alert is closed; here an acknowledgement ends it", i+1)
			}
			if !slices.Contains([]string{"", "default", "users", "all"}, rule.Notify) {
				r.note("rule %d notifies %q; here everybody is whom the target names now", i+1, rule.Notify)
			}
			// Delays count from the creation of the alert, ours from the step before.
			l.wait(rule.Delay.minutes() - waited)
			waited = max(waited, rule.Delay.minutes())
			l.page(c.target(rule.Recipient, r))
		}
		l.pause = 0
		loops := 1
		if e.Repeat != nil && e.Repeat.Count > 0 {
			loops = min(e.Repeat.Count, 20) + 1
			l.wait(e.Repeat.Wait)
			if e.Repeat.Close {
				r.note("the alert is not closed after the last repetition")
			}
		}
		name := l.write(c.Plan, e.Name, e.ID, loops, &failed)
		c.policies[e.ID], c.policies[e.Name] = name, name
	})
	return cmp.Or(err, failed)
}

func (c *opsgenie) target(t ogRef, r *Row) (out []targetSpec) {
	switch t.Type {
	case "user":
		if name := c.people.find(t.title(), t.ID, t.Username); name != "" {
			out = append(out, targetSpec{Person: name})
		}
	case "schedule":
		for _, s := range c.schedules[cmp.Or(t.ID, t.Name)] {
			out = append(out, targetSpec{Schedule: s})
		}
	case "team":
		if name := c.teamNames[t.ID]; name != "" {
			out = append(out, targetSpec{Team: name})
		}
	}
	if len(out) == 0 {
		r.note("the target %s %q could not be mapped and is left out", cmp.Or(t.Type, "without a type"), t.title())
	}
	return out
}

func (c *opsgenie) writeTeams() error {
	rows, policy := map[string]*Row{}, map[string]string{}
	for _, id := range sortedKeys(c.teams) {
		rows[id] = c.row("team", id, c.teams[id].title())
	}
	var failed error
	if err := each(c.export, "routing_rules", func(of string, x ogRouting) {
		r := rows[of]
		switch {
		case r == nil:
			return
		case !x.Default:
			r.note("the routing rule %q has conditions: write an AlertRule for it", x.Name)
		case x.Notify.Type == "escalation":
			policy[of] = c.policies[cmp.Or(x.Notify.ID, x.Notify.Name)]
		case x.Notify.Type == "schedule":
			l := ladder{row: r}
			l.page(c.target(x.Notify, r))
			policy[of] = l.write(c.Plan, r.Name+" default", of, 1, &failed)
		}
	}); err != nil {
		return err
	}
	for _, id := range sortedKeys(c.teams) {
		t := c.teams[id]
		failed = cmp.Or(failed, c.document("Team", c.teamNames[id], t.title(), rows[id], teamSpec{c.members(id), policy[id]}))
	}
	return failed
}

func (c *opsgenie) services() error {
	var failed error
	nobody := ""
	err := each(c.export, "services", func(_ string, s ogService) {
		if s.ID == "" || failed != nil {
			return
		}
		r := c.row("service", s.ID, s.title())
		team := c.teamNames[s.Team]
		if team == "" {
			if nobody == "" {
				nobody = c.name("Team", "Imported", "")
				failed = c.document("Team", nobody, "Imported, without a team", nil, teamSpec{})
			}
			team = nobody
			r.note("has no team: it is given to %s", nobody)
		}
		name := c.name("Service", s.title(), s.ID)
		failed = cmp.Or(failed, c.document("Service", name, s.title(), r, serviceSpec{Team: team, Description: clean(s.Description)}))
	})
	return cmp.Or(err, failed)
}
