package convert

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"nightkeeper/internal/kit/errs"
)

// shape is how the items of a kind look: each has one of the keys of has, and none of the keys of never, which are another
// system's.
type shape struct {
	kind  string
	has   []string
	never []string
}

// system is how an export of one looks.
type system struct {
	title  string
	shapes []shape // of what is imported
	beside []shape // of what it did
}

var systems = map[string]system{
	"pagerduty": {"PagerDuty", []shape{
		{"users", []string{"id"}, []string{"username", "fullName", "userContacts"}},
		{"schedules", []string{"id"}, []string{"rotations", "timezone", "shifts", "ical_url_primary"}},
		{"escalation_policies", []string{"id"}, []string{"escalation_chain_id", "ownerTeam"}},
		{"teams", []string{"id"}, []string{"isDefault"}},
		{"services", []string{"id"}, []string{"teamId"}},
	}, []shape{{"incidents", []string{"id"}, []string{"alerts_count", "ownerTeam"}}}},
	"opsgenie": {"Opsgenie", []shape{
		{"users", []string{"username"}, []string{"contact_methods", "email", "is_phone_number_verified"}},
		{"schedules", []string{"id", "name"}, []string{"schedule_layers", "time_zone", "ical_url_primary"}},
		{"escalations", []string{"id", "name"}, nil},
		{"teams", []string{"id", "name"}, nil},
		{"services", []string{"id", "name"}, []string{"escalation_policy"}},
	}, []shape{{"alerts", []string{"id"}, []string{"alert_key", "incident"}}}},
	"grafana-oncall": {"Grafana OnCall", []shape{
		{"users", []string{"username", "email"}, []string{"fullName", "userContacts", "contact_methods", "time_zone"}},
		{"schedules", []string{"id"}, []string{"schedule_layers", "rotations"}},
		{"on_call_shifts", []string{"id"}, nil},
		{"escalation_chains", []string{"id"}, nil},
		{"escalation_policies", []string{"id"}, []string{"escalation_rules", "num_loops"}},
		{"teams", []string{"id"}, nil},
	}, []shape{{"alert_groups", []string{"id"}, nil}}},
}

// Expect refuses what is no export of a system: with none of the kinds that one has, or with things in them that look
// otherwise. The error has code invalid and says what one has.
func (e Export) Expect(source string) error {
	return e.expect(source, systems[source].shapes)
}

// ExpectBeside refuses what is no export of what a system did, as Expect does.
func (e Export) ExpectBeside(source string) error {
	if err := KnownBeside(source); err != nil {
		return err
	}
	return e.expect(source, systems[source].beside)
}

func (e Export) expect(source string, shapes []shape) error {
	var kinds []string
	found := 0
	for _, s := range shapes {
		kinds = append(kinds, s.kind)
		found += len(e[s.kind])
	}
	title, is := systems[source].title, strings.Join(kinds, ", ")
	if found == 0 {
		has := strings.Join(sortedKeys(e), ", ")
		if has == "" {
			has = "nothing"
		}
		return errs.New(errs.Invalid, "this is no export of %s: one has items of %s, and this has %.200s", title, is, has)
	}
	for _, s := range shapes {
		for i, item := range e[s.kind] {
			if why := s.wrong(item.JSON); why != "" {
				return errs.New(errs.Invalid, "this is no export of %s: item %d of %s %s; write what its API answers for %s", title, i+1, s.kind, why, is)
			}
		}
	}
	return nil
}

// wrong says why an item does not look as one of the kind; "" when it does.
func (s shape) wrong(item json.RawMessage) string {
	var keys map[string]json.RawMessage
	if json.Unmarshal(item, &keys) != nil || keys == nil {
		return "is no JSON object"
	}
	if !slices.ContainsFunc(s.has, func(key string) bool { return keys[key] != nil }) {
		return "has no " + strings.Join(s.has, " and no ")
	}
	for _, key := range s.never {
		if keys[key] != nil {
			return fmt.Sprintf("has %s, which is of another system", key)
		}
	}
	return ""
}
