package page

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"nightkeeper/internal/loop/catalog"
)

// book finds people and services of the catalog by what another system calls them.
type book struct {
	people, services map[string]string
	unknown          []string
}

// namesOf reads a catalog: what an import wrote there (the annotation source/id), then names, titles and addresses of mail.
func namesOf(source string, c *catalog.Catalog) *book {
	n := &book{people: map[string]string{}, services: map[string]string{}}
	add := func(to map[string]string, name string, m catalog.Meta, also ...string) {
		for _, key := range append([]string{m.Annotations[source+"/id"], name, m.Title()}, also...) {
			if key = strings.ToLower(key); key != "" && to[key] == "" {
				to[key] = name
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.People)) {
		var mails []string
		for _, contact := range c.People[name].Contacts {
			if contact.Channel == "email" {
				mails = append(mails, contact.Address)
			}
		}
		add(n.people, name, c.People[name].Meta, mails...)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		add(n.services, name, c.Services[name].Meta)
	}
	return n
}

func find(in map[string]string, w Named) string {
	return cmp.Or(in[strings.ToLower(w.ID)], in[strings.ToLower(w.Email)], in[strings.ToLower(w.Name)])
}

// person returns the name of a person, theirs when the catalog does not know them.
func (n *book) person(w Named) string {
	if name := find(n.people, w); name != "" {
		return name
	}
	name := cmp.Or(w.Name, w.Email, w.ID)
	if !slices.Contains(n.unknown, name) {
		n.unknown = append(n.unknown, name)
	}
	return name
}

// service returns the name of a service; empty when the catalog does not know it.
func (n *book) service(w Named) string { return find(n.services, w) }
