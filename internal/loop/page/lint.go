package page

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page/rota"
)

// Works says why a contact of a person cannot be used, or returns "".
type Works func(person string, c catalog.Contact) string

// Finding is something about an escalation policy that would go wrong at night, and what would be right.
type Finding struct {
	Step   int    `json:"step,omitempty"`   // of the policy, from 1 on; 0 means the policy, or a person
	Person string `json:"person,omitempty"` // whose contacts it is about
	Text   string `json:"text"`
}

// Lint returns what would go wrong with the policies of a catalog, as warnings at the places of their documents.
func Lint(c *catalog.Catalog, works Works, now time.Time) []catalog.Problem {
	var out []catalog.Problem
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.Policies)) {
		for _, f := range LintPolicy(c, c.Policies[name], nil, works, now) {
			if f.Person != "" {
				if !seen[f.Text] && len(c.People[f.Person].Contacts) > 0 { // nobody without contacts escapes the catalog
					out = append(out, c.Warn("Person", f.Person, "$.spec.contacts", "%s", f.Text))
				}
				seen[f.Text] = true
				continue
			}
			kind, doc, path := declaredBy(name), name, "$.spec.steps"
			if f.Step > 0 {
				path = fmt.Sprintf("$.spec.steps[%d]", f.Step-1)
			}
			if kind != "EscalationPolicy" {
				_, doc, _ = strings.Cut(name, "/")
				path = "$.spec"
			}
			out = append(out, c.Warn(kind, doc, path, "escalation policy %s: %s", name, f.Text))
		}
	}
	return out
}

// declaredBy returns the kind of the document that a policy comes from: some are made of teams, regions and roles.
func declaredBy(policy string) string {
	of, _, made := strings.Cut(policy, "/")
	kind := map[string]string{"team": "Team", "region": "Region", "role": "Role"}[of]
	if !made || kind == "" {
		return "EscalationPolicy"
	}
	return kind
}

// longestWait is how long SEV1 may wait for the next step before it is worth a word.
const longestWait = time.Hour

// paging are the severities that page, the worst first.
var paging = []detect.Severity{detect.SEV1, detect.SEV2, detect.SEV3}

// LintPolicy returns what would go wrong with a policy within the next 90 days. Works may be nil: then every channel does.
func LintPolicy(c *catalog.Catalog, p *catalog.EscalationPolicy, made []rota.Override, works Works, now time.Time) []Finding {
	l := linter{Catalog: c, p: p, services: servicesOf(c, p), until: now.Add(rota.Ahead)}
	l.moments = l.sample(made, now)
	for _, sev := range paging {
		if !slices.ContainsFunc(p.Steps, func(s catalog.Step) bool { return meant(s, sev) }) {
			l.add(0, sev, "no step is for it: such a page tells everybody in the catalog; give a step a target for it")
			continue
		}
		l.steps(sev)
		l.alone(sev)
	}
	l.waits()
	l.unreached()
	out := l.merged()
	for _, name := range l.everybody() {
		out = append(out, lintPerson(c.People[name], works)...)
	}
	return out
}

type linter struct {
	*catalog.Catalog
	p        *catalog.EscalationPolicy
	services []string // whose pages take the policy
	until    time.Time
	moments  []moment
	found    []found
}

// moment is a time in which nobody's turn ends, and whom each step tells then, by severity.
type moment struct {
	from, to time.Time
	told     map[detect.Severity][][]string
}

// found is a finding about one severity.
type found struct {
	step int
	sev  detect.Severity // "" means all
	text string
}

func (l *linter) add(step int, sev detect.Severity, format string, args ...any) {
	l.found = append(l.found, found{step, sev, fmt.Sprintf(format, args...)})
}

// servicesOf returns the services whose pages take a policy, by name.
func servicesOf(c *catalog.Catalog, p *catalog.EscalationPolicy) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		if of := c.PolicyFor(name); of != nil && of.Name == p.Name {
			out = append(out, name)
		}
	}
	return out
}

// meant reports whether a step has a target for a severity.
func meant(s catalog.Step, sev detect.Severity) bool {
	return slices.ContainsFunc(s.Targets, func(t catalog.Target) bool { return t.Is(string(sev)) })
}

// mostMoments bounds how many turns are looked at.
const mostMoments = 400

// sample cuts the next 90 days where somebody's turn ends on a schedule of the policy.
func (l *linter) sample(made []rota.Override, now time.Time) []moment {
	at := []time.Time{now}
	rotas := map[string]*rota.Rota{}
	look := func(name string) {
		s := l.Schedules[name]
		if s == nil || rotas[name] != nil {
			return
		}
		r, err := rota.New(s, made)
		if err != nil {
			return // the catalog has said so
		}
		rotas[name] = r
		for _, sh := range r.Between(now, l.until) {
			if sh.From.After(now) {
				at = append(at, sh.From.UTC())
			}
		}
	}
	for _, st := range l.p.Steps {
		for _, t := range st.Targets {
			look(t.Schedule)
			for _, name := range l.SchedulesOf(t.Role, now) {
				look(name)
			}
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	at = slices.CompactFunc(at, time.Time.Equal)
	end := l.until
	if len(at) > mostMoments {
		at, end = at[:mostMoments], at[mostMoments]
	}
	service := ""
	if len(l.services) > 0 {
		service = l.services[0]
	}
	out := make([]moment, len(at))
	for i, t := range at {
		m := moment{from: t, to: end, told: map[detect.Severity][][]string{}}
		if i+1 < len(at) {
			m.to = at[i+1]
		}
		on := func(s *catalog.Schedule) []string {
			if r := rotas[s.Name]; r != nil {
				return r.At(t).People()
			}
			return nil
		}
		for _, st := range l.p.Steps {
			told := map[detect.Severity][]string{}
			for _, target := range st.Targets {
				people := targeted(target, service, l.Catalog, made, t, on)
				for _, sev := range paging {
					if target.Is(string(sev)) {
						told[sev] = append(told[sev], people...)
					}
				}
			}
			for _, sev := range paging {
				m.told[sev] = append(m.told[sev], told[sev])
			}
		}
		out[i] = m
	}
	l.until = end
	return out
}

// steps looks for steps that find nobody, or nobody whom a step before has not told.
func (l *linter) steps(sev detect.Severity) {
	all := l.until.Sub(l.moments[0].from)
	for k, st := range l.p.Steps {
		if !meant(st, sev) {
			continue
		}
		var empty, same, useless time.Duration
		var first *moment
		for i := range l.moments {
			m := &l.moments[i]
			long, people := m.to.Sub(m.from), m.told[sev][k]
			switch before := slices.Concat(m.told[sev][:k]...); {
			case len(people) == 0:
				empty += long
			case k > 0 && isIn(people, before):
				useless += long
				if isIn(people, m.told[sev][k-1]) && isIn(m.told[sev][k-1], people) {
					same += long
				}
				if first == nil {
					first = m
				}
			}
		}
		switch {
		case empty == all:
			if why := l.whyNobody(st, sev); why != "" { // that a person does not exist is said by the catalog
				l.add(k+1, sev, "step %d finds nobody: %s; give it people, or take it out", k+1, why)
			}
		case same == all:
			l.add(k+1, sev, "step %d tells the same people as step %d at all times: name somebody else in it, or shift the turns of one schedule", k+1, k)
		case useless == all:
			l.add(k+1, sev, "step %d tells nobody whom the steps before have not told: name somebody else in it, or take it out; every loop tells all of them again", k+1)
		case useless > 0 && useless*10 >= all:
			at := func(t time.Time) string { return t.UTC().Format("Mon 2006-01-02 15:04") }
			l.add(k+1, sev, "step %d tells nobody new %d%% of the next %s, first from %s to %s UTC, when it is %s as in a step before: shift the turns of one schedule", k+1,
				int(100*useless/all), catalog.Duration(all.Round(24*time.Hour)), at(first.from), at(first.to), strings.Join(first.told[sev][k], ", "))
		}
	}
}

func isIn(people, others []string) bool {
	return !slices.ContainsFunc(people, func(p string) bool { return !slices.Contains(others, p) })
}

// whyNobody says why the targets of a step find nobody.
func (l *linter) whyNobody(st catalog.Step, sev detect.Severity) string {
	var out []string
	for _, t := range st.Targets {
		switch {
		case !t.Is(string(sev)):
		case t.Role == catalog.RoleManager && len(l.services) == 0:
			out = append(out, "no service has this policy, so no team has a manager")
		case t.Role == catalog.RoleManager:
			out = append(out, fmt.Sprintf("team %s has no manager", l.Services[l.services[0]].Team))
		case t.Role != "":
			out = append(out, "nobody has the role "+t.Role)
		case t.Schedule != "":
			out = append(out, "nobody is on call for "+t.Schedule)
		case t.Team != "":
			out = append(out, "team "+t.Team+" has no members")
		}
	}
	return strings.Join(slices.Compact(out), ", ")
}

// alone looks for a policy that never tells a second person.
func (l *linter) alone(sev detect.Severity) {
	var only []string
	for _, m := range l.moments {
		all := slices.Concat(m.told[sev]...)
		slices.Sort(all)
		if all = slices.Compact(all); len(all) > 1 || len(all) == 0 {
			return
		}
		if !slices.Contains(only, all[0]) {
			only = append(only, all[0])
		}
	}
	who := "only one person is told at any time, " + only[0] + " at the moment"
	if len(only) == 1 {
		who = "only " + only[0] + " is ever told"
	}
	l.add(0, sev, "%s: nobody else hears of a page that is slept through; add a step with a team or a backup", who)
}

// waits looks for SEV1 that waits too long for somebody else.
func (l *linter) waits() {
	var since time.Duration
	for k, st := range l.p.Steps {
		if k > 0 {
			since += st.After.D()
		}
		if !meant(st, detect.SEV1) {
			continue
		}
		if since > longestWait {
			l.add(k+1, detect.SEV1, "nobody else is told for %s before step %d; let it come after an hour at most", catalog.Duration(since), k+1)
		}
		since = 0
	}
}

// unreached looks for steps that come only after pages of a service are resolved by themselves.
func (l *linter) unreached() {
	for _, name := range l.services {
		auto := l.Services[name].AutoResolve.D()
		var at time.Duration
		for k, st := range l.p.Steps {
			if k > 0 {
				at += st.After.D()
			}
			if auto > 0 && at >= auto {
				l.add(k+1, "", "step %d comes after %s, and alerts of %s are resolved after %s in which nothing is heard of them: it is not reached; make autoResolve longer", k+1,
					catalog.Duration(at), name, catalog.Duration(auto))
				break
			}
		}
	}
}

// merged returns what was found, once for severities of which the same is true.
func (l *linter) merged() []Finding {
	var out []Finding
	for i, f := range l.found {
		if slices.ContainsFunc(l.found[:i], func(o found) bool { return o.step == f.step && o.text == f.text }) {
			continue
		}
		var sevs []string
		for _, o := range l.found {
			if o.step == f.step && o.text == f.text && o.sev != "" {
				sevs = append(sevs, string(o.sev))
			}
		}
		text := f.text
		if n := len(sevs); n > 0 && n < len(paging) {
			text = strings.Join(sevs, ", ") + ": " + text
		}
		out = append(out, Finding{Step: f.step, Text: text})
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return cmp.Compare(a.Step, b.Step) })
	return out
}

// everybody returns all people whom the policy tells at some time.
func (l *linter) everybody() []string {
	who := map[string]bool{}
	for _, m := range l.moments {
		for _, steps := range m.told {
			for _, p := range slices.Concat(steps...) {
				who[p] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(who))
}

// lintPerson says what is wrong with how a person is told of SEV1.
func lintPerson(p *catalog.Person, works Works) []Finding {
	var why []string
	good := map[catalog.Contact]bool{}
	all := 0
	for _, c := range p.Contacts {
		if c.Channel == "inbox" {
			continue
		}
		all++
		problem := ""
		if works != nil {
			problem = works(p.Name, c)
		}
		good[c] = problem == ""
		if problem != "" {
			why = append(why, problem)
		}
	}
	say := func(format string, args ...any) []Finding {
		return []Finding{{Person: p.Name, Text: fmt.Sprintf(format, args...)}}
	}
	switch {
	case all == 0:
		return say("%s has only the inbox, which wakes nobody; declare a contact", p.Name)
	case len(why) == all:
		return say("no contact of %s works: %s; set up a channel, or declare another contact", p.Name, strings.Join(why, ", "))
	case !slices.ContainsFunc(p.Reach("SEV1"), func(w catalog.When) bool { return good[w.Contact] }):
		return say("by the rules of %s nothing that works is used for SEV1: %s; add a notify rule for a channel that works", p.Name, strings.Join(why, ", "))
	case len(p.Notify) > 0 && !slices.ContainsFunc(p.Notify, func(r catalog.NotifyRule) bool {
		return len(r.Severities) == 0 || slices.Contains(r.Severities, "SEV1")
	}):
		return say("no notify rule of %s is for SEV1, so every contact is used at once; add a rule for SEV1", p.Name)
	}
	return nil
}
