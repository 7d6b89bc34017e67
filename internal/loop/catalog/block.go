package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"nightkeeper/internal/kit/near"
)

// A block is a document without apiVersion and kind: configuration as other systems' users have it written down, with
// services, escalation_policies, schedules at the top. It is rewritten into documents of ours before they are read. Every
// piece of those keeps the place that it has in the block, so that a mistake is shown where it was made.
type block struct {
	file string
	root *ast.MappingNode
}

// blockKeys are the keys of a block, in the order in which they are read: what is later may name what is earlier.
var blockKeys = []string{"schedules", "escalation_policies", "services", "regions", "global_roles", "handoff_protocol", "integrations"}

// isBlock reports whether a document is a block: one of ours has at least one of its four fields.
func isBlock(m *ast.MappingNode) bool {
	known := false
	for _, v := range m.Values {
		switch k := v.Key.String(); {
		case slices.Contains([]string{"apiVersion", "kind", "metadata", "spec"}, k):
			return false
		case slices.Contains(blockKeys, k):
			known = true
		}
	}
	return known
}

// blocks rewrites blocks. It runs when all documents are read, because people are found by their addresses.
type blocks struct {
	*loader
	file   string
	people map[string]string // by e-mail address, in lower case
}

func (l *loader) readBlocks() {
	b := &blocks{loader: l, people: map[string]string{}}
	for _, name := range sorted(l.cat.People) {
		for _, c := range l.cat.People[name].Contacts {
			if address := strings.ToLower(c.Address); c.Channel == "email" && b.people[address] == "" {
				b.people[address] = name
			}
		}
	}
	for _, bl := range l.blocks {
		b.file = bl.file
		for _, v := range bl.root.Values {
			if k := v.Key.String(); !slices.Contains(blockKeys, k) {
				b.bad(v.Key, "unknown key %q%s; a block has %s", k, meant(k, blockKeys), strings.Join(blockKeys, ", "))
			}
		}
	}
	for _, key := range blockKeys {
		for _, bl := range l.blocks {
			b.file = bl.file
			for _, v := range bl.root.Values {
				if v.Key.String() == key {
					b.part(key, v.Value)
				}
			}
		}
	}
}

func (b *blocks) part(key string, n ast.Node) {
	switch key {
	case "schedules":
		b.schedules(n)
	case "escalation_policies":
		b.policies(n)
	case "services":
		b.services(n)
	case "regions":
		b.regions(n)
	case "global_roles":
		b.roles(n)
	case "handoff_protocol":
		b.handoff(n)
	case "integrations":
		b.integrations(n)
	}
}

func meant(name string, candidates []string) string {
	if best := near.To(name, candidates); best != "" {
		return fmt.Sprintf(" (did you mean %q?)", best)
	}
	return ""
}

func (b *blocks) bad(at ast.Node, format string, args ...any) {
	b.fail(b.file, begin(at), format, args...)
}

func (b *blocks) warn(at ast.Node, format string, args ...any) {
	b.bad(at, format, args...)
	b.problems[len(b.problems)-1].Warning = true
}

// items returns the elements of a list.
func (b *blocks) items(n ast.Node, what string) []ast.Node {
	switch n := n.(type) {
	case *ast.SequenceNode:
		return n.Values
	case *ast.NullNode:
		return nil
	}
	b.bad(n, "%s is a list; write each element after a dash", what)
	return nil
}

// entries returns the pairs of a mapping.
func (b *blocks) entries(n ast.Node, what string) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.NullNode:
		return nil
	}
	b.bad(n, "%s is a mapping from names", what)
	return nil
}

// fields returns the values of a mapping that may only have some keys. A key without a value is as good as none.
func (b *blocks) fields(n ast.Node, what string, allowed ...string) map[string]ast.Node {
	out := map[string]ast.Node{}
	for _, v := range b.entries(n, what) {
		k := v.Key.String()
		if !slices.Contains(allowed, k) {
			b.bad(v.Key, "unknown key %q%s; %s has %s", k, meant(k, allowed), what, strings.Join(allowed, ", "))
			continue
		}
		if _, none := v.Value.(*ast.NullNode); !none {
			out[k] = v.Value
		}
	}
	return out
}

// What follows makes pieces of documents; each is where at is in the file.

func word(value string, at ast.Node) *ast.StringNode {
	return ast.String(token.New(value, value, begin(at).Position))
}

func pair(key string, v ast.Node) *ast.MappingValueNode {
	k := word(key, v)
	return ast.MappingValue(k.Token, k, v)
}

func tree(at ast.Node, pairs ...*ast.MappingValueNode) *ast.MappingNode {
	return ast.Mapping(word("", at).Token, false, slices.DeleteFunc(pairs, func(p *ast.MappingValueNode) bool { return p == nil })...)
}

func seq(at ast.Node, vs ...ast.Node) *ast.SequenceNode {
	s := ast.Sequence(word("", at).Token, false)
	s.Values = append(s.Values, vs...)
	return s
}

// maybe is a pair when there is a value.
func maybe(key string, v ast.Node) *ast.MappingValueNode {
	if v == nil {
		return nil
	}
	return pair(key, v)
}

// heading is what names a document: pieces of the block, of which only name must be there.
type heading struct{ name, title, labels, description ast.Node }

// declare has a document read as if it had been written.
func (b *blocks) declare(kind string, h heading, spec ...*ast.MappingValueNode) {
	name, said := h.name, slug(scalar(h.name))
	if said == "" {
		b.bad(name, "%q has no letter or digit of which a name could be made", scalar(name))
		return
	}
	meta := tree(name, pair("name", word(said, name)))
	title := h.title
	if title == nil {
		title = name
	}
	if t := scalar(title); t != said {
		meta.Values = append(meta.Values, pair("displayName", word(t, title)))
	}
	if h.labels != nil {
		meta.Values = append(meta.Values, pair("labels", h.labels))
	}
	if h.description != nil {
		meta.Values = append(meta.Values, pair("annotations", tree(h.description, pair("description", h.description))))
	}
	b.document(b.file, tree(name, pair("apiVersion", word(ourVersion, name)), pair("kind", word(kind, name)),
		pair("metadata", meta), pair("spec", tree(name, spec...))))
}

// slug makes a name of what people call something: "Payment API" is payment-api.
func slug(s string) string {
	var out strings.Builder
	gap := false
	for _, r := range strings.ToLower(s) {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '_' {
			gap = true
			continue
		}
		if gap && out.Len() > 0 {
			out.WriteByte('-')
		}
		gap = false
		out.WriteRune(r)
	}
	name := strings.Trim(out.String(), "-._")
	if len(name) > 63 {
		name = strings.Trim(name[:63], "-._")
	}
	return name
}

// named is a reference to something by its name.
func named(n ast.Node) ast.Node {
	if n == nil {
		return nil
	}
	return word(slug(scalar(n)), n)
}

// person returns who is meant by an e-mail address or a name. Somebody whom no document declares is made of the address.
func (b *blocks) person(n ast.Node) ast.Node {
	said := scalar(n)
	local, _, isMail := strings.Cut(said, "@")
	if !isMail {
		return named(n)
	}
	if name := b.people[strings.ToLower(said)]; name != "" {
		return word(name, n)
	}
	name := slug(local)
	if b.cat.People[name] != nil || name == "" {
		name = slug(said)
	}
	b.people[strings.ToLower(said)] = name
	b.warn(n, "no Person has the address %s: %s was made of it, who is only told by email; declare a Person with this address and more contacts", said, name)
	b.declare("Person", heading{name: word(name, n), title: n},
		pair("contacts", seq(n, tree(n, pair("channel", word("email", n)), pair("address", word(said, n))))))
	return word(name, n)
}

// span returns a duration that may be a bare number of some unit; nil when there is none.
func (b *blocks) span(n ast.Node, key string, unit time.Duration, most time.Duration) ast.Node {
	if n == nil {
		return nil
	}
	said := scalar(n)
	d, err := ParseDuration(said)
	if count, numErr := strconv.ParseFloat(said, 64); numErr == nil {
		if !(count >= 0 && count*float64(unit) <= float64(most)) {
			b.bad(n, "%s is %s without a unit, which counts by %s and goes from 0 to %s; write the unit, such as 4h or 14400s", key, said, Duration(unit), Duration(most))
			return nil
		}
		d, err = time.Duration(count*float64(unit)), nil
	}
	if err != nil {
		b.bad(n, "%s: %v", key, err)
		return nil
	}
	return word(Duration(d).String(), n)
}

func (b *blocks) minutes(n ast.Node, key string) ast.Node {
	return b.span(n, key, time.Minute, 5*time.Hour) // a larger number is one of seconds by mistake
}

func (b *blocks) seconds(n ast.Node, key string) ast.Node {
	return b.span(n, key, time.Second, 366*24*time.Hour)
}

func (b *blocks) schedules(n ast.Node) {
	for _, v := range b.entries(n, "schedules") {
		f := b.fields(v.Value, "a schedule", "name", "time_zone", "description", "labels", "layers")
		var layers []ast.Node
		if f["layers"] == nil {
			b.bad(v.Key, "schedule %s has no layers: nobody would be on call", v.Key.String())
			continue
		}
		for i, la := range b.items(f["layers"], "layers") {
			layers = append(layers, b.layer(la, i))
		}
		b.declare("Schedule", heading{v.Key, f["name"], f["labels"], f["description"]}, maybe("timeZone", f["time_zone"]), pair("layers", seq(f["layers"], layers...)))
	}
}

func (b *blocks) layer(n ast.Node, i int) ast.Node {
	f := b.fields(n, "a layer", "name", "start", "end", "rotation_virtual_start", "rotation_turn_length_seconds", "users", "restrictions")
	name := f["name"]
	if name == nil {
		name = word(fmt.Sprintf("Layer %d", i+1), n)
	}
	start, from := f["rotation_virtual_start"], f["start"]
	if start == nil {
		start = from
	}
	var members, hours []ast.Node
	if f["users"] != nil {
		for _, u := range b.items(f["users"], "users") {
			members = append(members, b.person(u))
		}
	}
	if f["restrictions"] != nil {
		for _, r := range b.items(f["restrictions"], "restrictions") {
			if h := b.restriction(r); h != nil {
				hours = append(hours, h)
			}
		}
	}
	out := tree(n, pair("name", name), maybe("start", start), maybe("from", from), maybe("until", f["end"]),
		maybe("turn", b.seconds(f["rotation_turn_length_seconds"], "rotation_turn_length_seconds")))
	if members != nil {
		out.Values = append(out.Values, pair("members", seq(f["users"], members...)))
	}
	if hours != nil {
		out.Values = append(out.Values, pair("restrictions", seq(f["restrictions"], hours...)))
	}
	return out
}

// restriction returns the hours of a layer that begin at a time of the day, on a day of the week or every day, and last
// some seconds.
func (b *blocks) restriction(n ast.Node) ast.Node {
	f := b.fields(n, "a restriction", "type", "start_time_of_day", "duration_seconds", "start_day_of_week")
	if f["start_time_of_day"] == nil || f["duration_seconds"] == nil {
		b.bad(n, "a restriction has start_time_of_day and duration_seconds")
		return nil
	}
	at, _, _, err := Clock(scalar(f["start_time_of_day"])).Parse()
	lasts, numErr := strconv.Atoi(scalar(f["duration_seconds"]))
	length := 24 * 3600
	day := 0
	if f["start_day_of_week"] != nil {
		length *= 7
		if day, err = strconv.Atoi(scalar(f["start_day_of_week"])); err != nil || day < 1 || day > 7 {
			b.bad(f["start_day_of_week"], "start_day_of_week is from 1 (Monday) to 7 (Sunday)")
			return nil
		}
	}
	switch {
	case err != nil:
		b.bad(f["start_time_of_day"], "%v", err)
		return nil
	case numErr != nil || lasts <= 0 || lasts > length:
		b.bad(f["duration_seconds"], "duration_seconds is a number from 1 to %d here", length)
		return nil
	}
	clock := func(seconds int) string {
		s := seconds % (24 * 3600)
		out := fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
		if day > 0 {
			out = days[(day+seconds/(24*3600))%7] + " " + out
		}
		return out
	}
	return tree(n, pair("from", word(clock(at), f["start_time_of_day"])), pair("to", word(clock(at+lasts), f["duration_seconds"])))
}

func (b *blocks) policies(n ast.Node) {
	for _, v := range b.entries(n, "escalation_policies") {
		f := b.fields(v.Value, "an escalation policy", "name", "description", "num_loops", "rules")
		if f["rules"] == nil {
			b.bad(v.Key, "escalation policy %s has no rules: nobody would be paged", v.Key.String())
			continue
		}
		loops := f["num_loops"]
		if loops != nil && scalar(loops) == "0" {
			loops = word("1", loops)
		}
		b.declare("EscalationPolicy", heading{v.Key, f["name"], nil, f["description"]}, maybe("loops", loops), pair("steps", b.steps(f["rules"])))
	}
}

// steps returns the steps of a policy. Where the first rule has no delay, each delay is the one before its rule. Otherwise
// it is what PagerDuty means: how long the rule waits before the next, and the last before the first again.
func (b *blocks) steps(n ast.Node) ast.Node {
	var rules []map[string]ast.Node
	var delays []ast.Node
	nodes := b.items(n, "rules")
	for _, r := range nodes {
		f := b.fields(r, "a rule", "escalation_delay_in_minutes", "targets")
		rules = append(rules, f)
		delays = append(delays, b.minutes(f["escalation_delay_in_minutes"], "escalation_delay_in_minutes"))
	}
	if len(rules) > 0 && delays[0] != nil && scalar(delays[0]) != "0s" {
		last := len(delays) - 1
		delays = append([]ast.Node{delays[last]}, delays[:last]...)
	}
	var out []ast.Node
	for i, f := range rules {
		step := tree(nodes[i], maybe("after", delays[i]))
		if f["targets"] != nil {
			var to []ast.Node
			for _, t := range b.items(f["targets"], "targets") {
				if x := b.target(t); x != nil {
					to = append(to, x)
				}
			}
			step.Values = append(step.Values, pair("targets", seq(f["targets"], to...)))
		}
		out = append(out, step)
	}
	return seq(n, out...)
}

func (b *blocks) target(n ast.Node) ast.Node {
	f := b.fields(n, "a target", "type", "id")
	if f["type"] == nil || f["id"] == nil {
		b.bad(n, "a target has type and id")
		return nil
	}
	switch kind := strings.TrimSuffix(scalar(f["type"]), "_reference"); kind {
	case "schedule":
		return tree(n, pair("schedule", named(f["id"])))
	case "user":
		return tree(n, pair("person", b.person(f["id"])))
	case "team":
		return tree(n, pair("team", named(f["id"])))
	default:
		b.bad(f["type"], "type is %q; it is one of schedule, user, team", kind)
		return nil
	}
}

func (b *blocks) services(n ast.Node) {
	for _, s := range b.items(n, "services") {
		f := b.fields(s, "a service", "name", "id", "team", "tier", "description", "escalation_policy", "urgency", "auto_resolve_timeout", "acknowledgement_timeout")
		title := f["name"]
		if title == nil {
			title = f["id"]
		}
		if title == nil {
			b.bad(s, "the service has no name")
			continue
		}
		name := f["id"]
		if name == nil {
			name = title
		}
		urgency := f["urgency"]
		if urgency != nil && scalar(urgency) == "severity_based" { // that is what happens when nothing is said
			urgency = nil
		}
		policy := named(f["escalation_policy"])
		team := named(f["team"])
		if team == nil && policy != nil {
			team = b.owner(name, policy)
		}
		b.declare("Service", heading{name: name, title: title}, maybe("team", team), maybe("tier", f["tier"]), maybe("description", f["description"]),
			maybe("escalationPolicy", policy), maybe("urgency", urgency),
			maybe("autoResolve", b.minutes(f["auto_resolve_timeout"], "auto_resolve_timeout")),
			maybe("ackTimeout", b.minutes(f["acknowledgement_timeout"], "acknowledgement_timeout")))
	}
}

// owner returns the team of a service that names none: the one that has the policy, or one that is made of its people.
func (b *blocks) owner(service, policy ast.Node) ast.Node {
	name := scalar(policy)
	for _, t := range sorted(b.cat.Teams) {
		if b.cat.Teams[t].EscalationPolicy == name {
			return word(t, policy)
		}
	}
	switch {
	case b.cat.Teams[name] != nil:
		return word(name, policy)
	case b.cat.Policies[name] == nil: // that is the mistake to speak of
		b.declare("Team", heading{name: policy}, pair("members", seq(policy)))
		return word(name, policy)
	}
	var members []ast.Node
	for _, p := range slices.Sorted(maps.Keys(b.reached(b.cat.Policies[name]))) {
		members = append(members, word(p, policy))
	}
	b.warn(service, "service %s has no team: team %s was made of everybody that its escalation policy names; declare a Team and write team here", slug(scalar(service)), name)
	b.declare("Team", heading{name: policy}, pair("members", seq(policy, members...)), pair("escalationPolicy", policy))
	return word(name, policy)
}

// reached returns everybody whom a policy names, by schedules too.
func (b *blocks) reached(p *EscalationPolicy) map[string]bool {
	out := map[string]bool{}
	for _, st := range p.Steps {
		for _, t := range st.Targets {
			if b.cat.People[t.Person] != nil {
				out[t.Person] = true
			}
			if s := b.cat.Schedules[t.Schedule]; s != nil {
				for _, name := range s.People() {
					if b.cat.People[name] != nil {
						out[name] = true
					}
				}
			}
		}
	}
	return out
}

// instead says what to do for integrations that other systems have and that are set up elsewhere here.
var instead = map[string]string{
	"monitoring":    "make a token with the scope intake at API tokens and have it send to the address for its kind, see docs/alerts.md; what it sends finds its service by labels or an AlertRule",
	"communication": "name the room in the channels file and give people or teams a contact there, see docs/channels.md",
	"status_page":   "Nightkeeper does not write to status pages of others: a runbook can, with an HTTP action, see docs/runbooks.md",
	"ticketing":     "SEV4 alerts become tickets on /tickets; for a tracker of yours, have a runbook or a webhook contact make the issue, see docs/channels.md",
}

func (b *blocks) integrations(n ast.Node) {
	for _, v := range b.entries(n, "integrations") {
		k := v.Key.String()
		what, known := instead[k]
		if !known {
			b.bad(v.Key, "unknown key %q%s; integrations has %s", k, meant(k, sorted(instead)), strings.Join(sorted(instead), ", "))
			continue
		}
		for _, item := range b.items(v.Value, k) {
			kind := k
			for _, f := range b.entries(item, "an integration") {
				if f.Key.String() == "type" {
					kind = scalar(f.Value)
				}
			}
			b.warn(item, "integration %s is not set up by the catalog, which holds no keys: %s", kind, what)
		}
	}
}
