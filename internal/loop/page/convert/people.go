package convert

import (
	"slices"
	"strings"
)

// human is a person that is being converted.
type human struct {
	name, title string
	row         *Row
	zone        string
	contacts    []contact
	notify      []notifyRule
}

// humans are the people of an export by id, and by other names that other items use for them.
type humans struct {
	plan  *Plan
	byID  map[string]*human
	order []*human
}

func (p *Plan) humans() *humans { return &humans{plan: p, byID: map[string]*human{}} }

func (hs *humans) add(kind, id, title string, also ...string) *human {
	if h := hs.byID[id]; h != nil && id != "" {
		return h
	}
	h := &human{name: hs.plan.name("Person", title, id), title: title, row: hs.plan.row(kind, id, title)}
	hs.order = append(hs.order, h)
	for _, key := range append(also, id) {
		if key != "" && hs.byID[key] == nil {
			hs.byID[key] = h
		}
	}
	return h
}

// find returns the name of a person that another item refers to. Somebody who is not in the export becomes a person
// without contacts: a rotation without them would be another one.
func (hs *humans) find(title string, keys ...string) string {
	for _, k := range keys {
		if h := hs.byID[k]; h != nil && k != "" {
			return h.name
		}
	}
	key := ""
	for _, k := range keys {
		if k != "" {
			key = k
			break
		}
	}
	if key == "" {
		return ""
	}
	if title == "" {
		title = key
	}
	h := hs.add("user", key, title)
	h.row.note("is named by others and is not among the users of the export: a person without contacts is written")
	return h.name
}

func (h *human) contact(channel, address string) {
	address = clean(address)
	switch c := (contact{channel, address}); {
	case address == "":
	case channel == "email" && !strings.Contains(address, "@"):
		h.row.note("the e-mail address %q is none and is left out", address)
	case (channel == "sms" || channel == "voice") && !isPhone(address):
		h.row.note("the %s number %q is not one with a country and is left out", channel, address)
	case !slices.Contains(h.contacts, c):
		h.contacts = append(h.contacts, c)
	}
}

func isPhone(s string) bool {
	return len(s) >= 8 && len(s) <= 16 && s[0] == '+' && s[1] != '0' && strings.Trim(s[1:], "0123456789") == ""
}

// phone writes a number as E.164 does.
func phone(country, number string) string {
	digits := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, s)
	}
	if strings.HasPrefix(strings.TrimSpace(number), "+") {
		return "+" + digits(number)
	}
	return "+" + digits(country) + strings.TrimLeft(digits(number), "0")
}

// rule adds a rule when the person has a contact for it.
func (h *human) rule(channel string, afterMinutes int, severities ...string) {
	has := 0
	for _, c := range h.contacts {
		if c.Channel == channel {
			has++
		}
	}
	if has == 0 {
		h.row.note("a notification rule for %s has no contact here and is left out", channel)
		return
	}
	if has > 1 {
		h.row.note("has %d contacts for %s; a rule tells all of them at once", has, channel)
	}
	r := notifyRule{Channel: channel, Severities: severities}
	if afterMinutes > 0 {
		r.After = minutes(afterMinutes)
	}
	for i, o := range h.notify {
		if o.Channel != r.Channel || o.After != r.After {
			continue
		}
		if len(o.Severities) > 0 {
			for _, s := range severities {
				if !slices.Contains(o.Severities, s) {
					o.Severities = append(o.Severities, s)
				}
			}
			if len(severities) == 0 || len(o.Severities) == 4 {
				o.Severities = nil
			}
			h.notify[i] = o
		}
		return
	}
	h.notify = append(h.notify, r)
}

// write adds the documents of all people.
func (hs *humans) write() error {
	for _, h := range hs.order {
		if len(h.contacts) == 0 {
			h.row.note("has no contact that can be used: only the inbox reaches them")
		}
		if err := hs.plan.document("Person", h.name, h.title, h.row, personSpec{h.zone, h.contacts, h.notify}); err != nil {
			return err
		}
	}
	return nil
}
