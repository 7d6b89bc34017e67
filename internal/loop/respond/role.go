package respond

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// Role is who has a role in an incident beside its commander, or who is called for it.
type Role struct {
	Name    string    `json:"name"` // scribe, communications, or a role of the catalog
	Person  string    `json:"person,omitempty"`
	Calling []string  `json:"calling,omitempty"` // called and not answered
	Since   time.Time `json:"since"`
}

// Roles that every incident may have.
const (
	RoleScribe         = "scribe"         // writes down what happens and who decided what
	RoleCommunications = "communications" // speaks to customers and to the company
)

// Roles returns the roles that an incident may have: those that every incident may have, and those of the catalog, which
// can be called too.
func Roles(c *catalog.Catalog) (any, callable []string) {
	for name := range c.Roles {
		callable = append(callable, name)
	}
	slices.Sort(callable)
	return []string{RoleScribe, RoleCommunications}, callable
}

// role returns the index of a role, or -1.
func (i Incident) role(name string) int {
	return slices.IndexFunc(i.Roles, func(r Role) bool { return r.Name == name })
}

func (i Incident) roleGroup(role string) detect.GroupID {
	return detect.GroupID("role/" + string(i.ID) + "/" + role)
}

// set returns the incident with a role as given.
func (i Incident) set(r Role) Incident {
	i.Roles = slices.Clone(i.Roles)
	if k := i.role(r.Name); k >= 0 {
		i.Roles[k] = r
	} else {
		i.Roles = append(i.Roles, r)
	}
	return i
}

// Assign gives a role of an open incident to a person. The role commander gives command.
func (s *Service) Assign(ctx context.Context, incident ID, role, person, by string, now time.Time) error {
	if role == catalog.RoleCommander {
		return s.Command(ctx, incident, person, by, now)
	}
	c := s.Catalog()
	usual, callable := Roles(c)
	if all := append(usual, callable...); !slices.Contains(all, role) {
		return errs.New(errs.Invalid, "%.60q is no role; it is one of %s, %s", role, catalog.RoleCommander, strings.Join(all, ", "))
	}
	if c.People[person] == nil {
		return errs.New(errs.Invalid, "there is no person named %q in the catalog", person)
	}
	return s.Store.Update(ctx, func(tx Tx) error {
		i, err := s.openIncident(ctx, tx, incident)
		if err != nil {
			return err
		}
		if k := i.role(role); k >= 0 && i.Roles[k].Calling != nil {
			if err := page.EndCall(ctx, tx, i.roleGroup(role), by+" gave the role to "+person, now); err != nil {
				return err
			}
		}
		return s.give(ctx, tx, i, role, person, by, person+" is "+role, now)
	})
}

func (s *Service) give(ctx context.Context, tx Tx, i Incident, role, person, by, text string, now time.Time) error {
	if k := i.role(role); k >= 0 && i.Roles[k].Person == person {
		return nil
	}
	i = i.set(Role{Name: role, Person: person, Since: now})
	if err := tx.SaveIncident(ctx, i); err != nil {
		return err
	}
	return s.append(ctx, tx, KindRole, i, by, text, now)
}

// CallRole calls whoever is on a role of the catalog: who acknowledges has it.
func (s *Service) CallRole(ctx context.Context, incident ID, role, by string, now time.Time) error {
	policy := catalog.RolePolicy(role)
	if c := s.Catalog(); c.Roles[role] == nil || c.Policies[policy] == nil {
		_, callable := Roles(c)
		if len(callable) == 0 {
			return errs.New(errs.Invalid, "%.60q cannot be called: the catalog has no document of kind Role", role)
		}
		return errs.New(errs.Invalid, "%.60q cannot be called; the catalog has the roles %s", role, strings.Join(callable, ", "))
	}
	return s.Store.Update(ctx, func(tx Tx) error {
		i, err := s.openIncident(ctx, tx, incident)
		if err != nil {
			return err
		}
		if k := i.role(role); k >= 0 && i.Roles[k].Person == "" {
			return errs.New(errs.Conflict, "%s is being called already: %s", role, list(i.Roles[k].Calling))
		}
		i = i.set(Role{Name: role, Since: now})
		if err := tx.SaveIncident(ctx, i); err != nil {
			return err
		}
		if err := tx.Enqueue(ctx, page.CallJob(page.Call{
			Group: i.roleGroup(role), For: string(i.ID), Service: i.Service, Severity: i.Severity, Policy: policy,
			Title: fmt.Sprintf("Join %s as %s: %s", i.ID, role, i.Title), Context: i.brief(now) + " Acknowledge to join.",
			Reason: by + " asks for " + role,
		}, now)); err != nil {
			return err
		}
		return s.append(ctx, tx, KindCalled, i, by, by+" calls "+role, now)
	})
}

// openIncident returns an incident that is not resolved.
func (s *Service) openIncident(ctx context.Context, tx Tx, id ID) (Incident, error) {
	i, err := tx.Incident(ctx, id)
	if err == nil && !i.Open() {
		err = errs.New(errs.Conflict, "%s is already resolved", id)
	}
	return i, err
}

// standDown ends every call of an incident that is over.
func (s *Service) standDown(ctx context.Context, tx Tx, i *Incident, now time.Time) error {
	reason := string(i.ID) + " is resolved"
	if err := s.endHandoff(ctx, tx, i, event.System, reason, now); err != nil {
		return err
	}
	if !i.ToldAt.IsZero() {
		if err := page.EndCall(ctx, tx, i.commandGroup(), reason, now); err != nil {
			return err
		}
	}
	i.Command.Calling = nil
	for k := range i.Roles {
		i.Roles[k].Calling = nil
		if err := page.EndCall(ctx, tx, i.roleGroup(i.Roles[k].Name), reason, now); err != nil {
			return err
		}
	}
	return tx.Cancel(ctx, jobHandoff, string(i.ID))
}
