package catalog

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

var coverageHours = regexp.MustCompile(`^(\d{1,2}:\d\d) *[-–] *(\d{1,2}:\d\d)$`)

func (b *blocks) regions(n ast.Node) {
	for _, v := range b.entries(n, "regions") {
		f := b.fields(v.Value, "a region", "name", "timezone", "coverage_hours", "coverage_days", "serves", "escalation_chain")
		var hours, chain ast.Node
		if h := f["coverage_hours"]; h != nil {
			if hours = b.coverage(h, f["coverage_days"]); hours == nil {
				continue
			}
		}
		if c := f["escalation_chain"]; c != nil {
			if chain = b.chain(slug(scalar(v.Key)), c); chain == nil {
				continue
			}
		}
		b.declare("Region", heading{v.Key, f["name"], nil, nil}, maybe("timeZone", f["timezone"]), maybe("coverage", hours),
			maybe("serves", f["serves"]), maybe("chain", chain))
	}
}

func (b *blocks) coverage(n, on ast.Node) ast.Node {
	said := scalar(n)
	if said == "24/7" {
		said = "00:00-00:00"
	}
	m := coverageHours.FindStringSubmatch(said)
	if m == nil {
		b.bad(n, "coverage_hours is %q; write \"08:00-18:00\", or 24/7", said)
		return nil
	}
	for i := range m {
		if len(m[i]) == len("8:00") {
			m[i] = "0" + m[i]
		}
	}
	return tree(n, pair("from", word(m[1], n)), pair("to", word(m[2], n)), maybe("days", on))
}

// chain returns the steps of a region's chain in the order of their levels; nil when one of them finds nobody.
func (b *blocks) chain(region string, n ast.Node) ast.Node {
	type rung struct {
		level int
		node  ast.Node
	}
	var rungs []rung
	nodes := b.items(n, "escalation_chain")
	for i, r := range nodes {
		f := b.fields(r, "a step of a chain", "level", "role", "timeout", "schedule", "user")
		level := i + 1
		if f["level"] != nil {
			var err error
			if level, err = strconv.Atoi(scalar(f["level"])); err != nil || level < 1 {
				b.bad(f["level"], "level is a number from 1 on: the step that is called first")
				continue
			}
		}
		if slices.ContainsFunc(rungs, func(x rung) bool { return x.level == level }) {
			b.bad(r, "two steps of the chain have level %d", level)
			continue
		}
		if f["role"] == nil {
			b.bad(r, "a step of a chain has a role, such as Regional IC")
			continue
		}
		role := commandRole(scalar(f["role"]))
		if role == "" {
			b.bad(f["role"], "role is %q; it is one of Regional IC, Regional Deputy IC, Global IC", scalar(f["role"]))
			continue
		}
		step := tree(r, pair("role", word(role, f["role"])), maybe("timeout", b.minutes(f["timeout"], "timeout")))
		switch {
		case f["user"] != nil:
			step.Values = append(step.Values, pair("person", b.person(f["user"])))
		case f["schedule"] != nil:
			step.Values = append(step.Values, pair("schedule", named(f["schedule"])))
		default:
			s := b.commanders(region, role, f["role"])
			if s == "" {
				continue
			}
			step.Values = append(step.Values, pair("schedule", word(s, f["role"])))
		}
		rungs = append(rungs, rung{level, step})
	}
	if len(rungs) < len(nodes) {
		return nil // what is wrong with the others was said
	}
	slices.SortStableFunc(rungs, func(x, y rung) int { return cmp.Compare(x.level, y.level) })
	out := seq(n)
	for _, r := range rungs {
		out.Values = append(out.Values, r.node)
	}
	return out
}

// commandRole returns the role of a chain that is meant by what people call it: Regional IC, Deputy Incident Commander.
func commandRole(said string) string {
	said = strings.ToLower(said)
	words := strings.FieldsFunc(said, func(r rune) bool { return (r < 'a' || r > 'z') })
	has := func(w string) bool { return slices.Contains(words, w) }
	switch global, deputy := has("global"), has("deputy"); {
	case global && deputy:
		return ""
	case global:
		return RoleGlobal
	case deputy:
		return RoleDeputy
	case has("ic"), has("commander"):
		return RoleCommander
	}
	return ""
}

// commandNames are the ends of the names that schedules of commanders have, the first being the one to choose.
var commandNames = map[string][]string{
	RoleCommander: {"ic", "commander"}, RoleDeputy: {"deputy", "deputy-ic", "deputy-commander"}, RoleGlobal: {"global-ic", "global-commander", "global"},
}

// commanders returns the schedule of a role in a region: one with the labels role and region, or one whose name says so.
func (b *blocks) commanders(region, role string, at ast.Node) string {
	labels := map[string]string{"role": role}
	var names []string
	for _, end := range commandNames[role] {
		if role == RoleGlobal {
			names = append(names, end)
		} else {
			names = append(names, region+"-"+end)
		}
	}
	if role != RoleGlobal {
		labels["region"] = region
	}
	return b.scheduleOf(at, labels, names)
}

// scheduleOf returns the schedule that has all labels, or the first of the names that is one; an error says which to
// declare.
func (b *blocks) scheduleOf(at ast.Node, labels map[string]string, names []string) string {
	var want []string
	for _, k := range sorted(labels) {
		want = append(want, k+": "+labels[k])
	}
	for _, name := range sorted(b.cat.Schedules) {
		has := b.cat.Schedules[name].Labels
		if !slices.ContainsFunc(sorted(labels), func(k string) bool { return has[k] != labels[k] }) {
			return name
		}
	}
	for _, name := range names {
		if b.cat.Schedules[name] != nil {
			return name
		}
	}
	b.bad(at, "no schedule is for %q: declare a schedule %s, or one with the labels {%s}", scalar(at), names[0], strings.Join(want, ", "))
	return ""
}

// roles declares what somebody can be asked for wherever they are. A role has a schedule of its name or label, or one for
// each region.
func (b *blocks) roles(n ast.Node) {
	for _, v := range b.entries(n, "global_roles") {
		f := b.fields(v.Value, "a role", "name", "schedule", "rotation_size", "follow_the_sun")
		name := slug(scalar(v.Key))
		if name == "" {
			b.bad(v.Key, "%q has no letter or digit of which a name could be made", scalar(v.Key))
			continue
		}
		dashed := strings.ReplaceAll(name, "_", "-")
		var where *ast.MappingValueNode
		switch s, per := f["schedule"], b.perRegion(v.Key, name, dashed); {
		case s != nil:
			where = pair("schedule", named(s))
		case len(per) > 0:
			where = pair("regions", tree(v.Key, per...))
		default:
			found := b.scheduleOf(v.Key, map[string]string{"role": dashed}, []string{dashed, name})
			if found == "" {
				continue
			}
			where = pair("schedule", word(found, v.Key))
		}
		b.declare("Role", heading{v.Key, f["name"], nil, nil}, where, maybe("rotationSize", f["rotation_size"]), maybe("followTheSun", f["follow_the_sun"]))
	}
}

// perRegion returns the schedules of a role that are for one region each, by the labels role and region or by the name.
func (b *blocks) perRegion(at ast.Node, names ...string) (out []*ast.MappingValueNode) {
	for _, region := range sorted(b.cat.Regions) {
		for _, s := range sorted(b.cat.Schedules) {
			l := b.cat.Schedules[s].Labels
			byLabel := l["region"] == region && slices.Contains(names, l["role"])
			byName := slices.ContainsFunc(names, func(n string) bool { return s == n+"-"+region || s == region+"-"+n })
			if byLabel || byName {
				out = append(out, pair(region, word(s, at)))
				break
			}
		}
	}
	return out
}

// handoff declares how command passes on. It is written as a list of sentences, of which the part is understood that says
// how long and for which severities.
func (b *blocks) handoff(n ast.Node) {
	keys := []string{"trigger", "next_region_notified", "handoff_document", "synchronous_handoff", "asynchronous_handoff"}
	said := map[string]ast.Node{}
	parts := []ast.Node{n}
	if s, ok := n.(*ast.SequenceNode); ok {
		parts = s.Values
	}
	for _, p := range parts {
		for k, v := range b.fields(p, "handoff_protocol", keys...) {
			if said[k] != nil {
				b.bad(v, "%s is said twice", k)
			}
			said[k] = v
		}
	}
	var notice, sync ast.Node
	if v := said["next_region_notified"]; v != nil {
		before, _, _ := strings.Cut(scalar(v), " before")
		if d, err := ParseDuration(before); err != nil {
			b.bad(v, "next_region_notified is %q; write how long before, such as 30 minutes before handoff", scalar(v))
		} else {
			notice = word(Duration(d).String(), v)
		}
	}
	with, without := b.severitiesIn(said["synchronous_handoff"]), b.severitiesIn(said["asynchronous_handoff"])
	if v := said["synchronous_handoff"]; v != nil && with != nil {
		list := seq(v)
		for _, s := range with {
			list.Values = append(list.Values, word(s, v))
		}
		sync = list
	}
	for _, s := range severities {
		switch in, out := slices.Contains(with, s), slices.Contains(without, s); {
		case in && out:
			b.bad(said["asynchronous_handoff"], "%s is said to be handed over both ways; say one", s)
		case !in && !out && len(with) > 0 && len(without) > 0:
			b.warn(said["asynchronous_handoff"], "nothing is said of %s: it is handed over without a confirmation", s)
		}
	}
	b.differs(said["trigger"], "coverage", "command passes when the coverage of the region ends")
	b.differs(said["handoff_document"], "timeline", "what is handed over is the timeline of the incident with its state")
	b.declare("Handoff", heading{name: word("handoff", n)}, maybe("noticeBefore", notice), maybe("synchronous", sync))
}

// differs warns of a sentence that does not have the word of what Nightkeeper does.
func (b *blocks) differs(n ast.Node, word, does string) {
	if n != nil && !strings.Contains(strings.ToLower(scalar(n)), word) {
		b.warn(n, "%q cannot be set: %s", scalar(n), does)
	}
}

var severityWord = regexp.MustCompile(`(?i)\bsev[- ]?([1-4])\b(?: +and +(above|below|worse|lower|higher))?`)

// severitiesIn returns the severities that a sentence names, such as "SEV-3 and below".
func (b *blocks) severitiesIn(n ast.Node) []string {
	if n == nil {
		return nil
	}
	var out []string
	for _, m := range severityWord.FindAllStringSubmatch(scalar(n), -1) {
		first := int(m[1][0] - '1')
		from, to := first, first
		switch strings.ToLower(m[2]) {
		case "above", "worse", "higher":
			from = 0
		case "below", "lower":
			to = len(severities) - 1
		}
		for _, s := range severities[from : to+1] {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	if out == nil {
		b.bad(n, "%q names no severity; write such as \"Required for SEV1\" or \"Acceptable for SEV3 and below\"", scalar(n))
	}
	slices.Sort(out)
	return out
}
