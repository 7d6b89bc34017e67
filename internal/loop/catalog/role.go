package catalog

import (
	"slices"
	"time"
)

// Role is what somebody can be asked for in an incident wherever they are, such as database-sme: whoever is on its
// schedule, or on the schedule of the region that is on duty.
type Role struct {
	Meta         `yaml:"-"`
	Schedule     string            `yaml:"schedule"`
	Regions      map[string]string `yaml:"regions"`      // region -> schedule, instead of schedule
	RotationSize int               `yaml:"rotationSize"` // how many people should take turns; 0 means any number
	FollowTheSun bool              `yaml:"followTheSun"` // nobody's turn is in their own night
}

// Handoff says how command passes from one region to the next. There is one for the whole catalog.
type Handoff struct {
	Meta         `yaml:"-"`
	NoticeBefore Duration `yaml:"noticeBefore" json:"notice_before"` // how long before the end of coverage both commanders are told
	SyncWithin   Duration `yaml:"syncWithin" json:"sync_within"`     // how long a synchronous handoff may take
	AsyncWithin  Duration `yaml:"asyncWithin" json:"async_within"`   // how long another may take
	Synchronous  []string `yaml:"synchronous" json:"synchronous"`    // severities whose handoff needs a confirmation
	QuestionsFor Duration `yaml:"questionsFor" json:"questions_for"` // how long the outgoing commander answers questions
}

func usualHandoff(m Meta) *Handoff {
	return &Handoff{Meta: m, NoticeBefore: Duration(30 * time.Minute), SyncWithin: Duration(5 * time.Minute),
		AsyncWithin: Duration(30 * time.Minute), Synchronous: []string{"SEV1"}, QuestionsFor: Duration(30 * time.Minute)}
}

// Handoff returns how command passes: what is declared, or what is usual.
func (c *Catalog) Handoff() Handoff {
	for _, name := range sorted(c.Handoffs) {
		return *c.Handoffs[name]
	}
	return *usualHandoff(Meta{})
}

// rolesTaken are roles that have a meaning of their own.
var rolesTaken = append(CommandRoles(), RoleManager, "scribe", "communications")

// SchedulesOf returns the schedules on which somebody has a role, the one to ask first at the front: of the region that is
// within its hours and has most time left.
func (c *Catalog) SchedulesOf(role string, now time.Time) []string {
	r := c.Roles[role]
	if r == nil {
		return nil
	}
	if r.Schedule != "" {
		return []string{r.Schedule}
	}
	var out []string
	add := func(region string) {
		if s := r.Regions[region]; s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, on := range c.Covering(now) {
		add(on.Name)
	}
	for _, name := range sorted(r.Regions) {
		add(name)
	}
	return out
}

// rotation returns everybody who takes turns in a role.
func (c *Catalog) rotation(r *Role) []string {
	var out []string
	names := []string{r.Schedule}
	for _, region := range sorted(r.Regions) {
		names = append(names, r.Regions[region])
	}
	for _, name := range names {
		s := c.Schedules[name]
		if s == nil {
			continue
		}
		for _, l := range s.AsLayers() {
			for _, crew := range l.Members {
				for _, p := range crew {
					if !slices.Contains(out, p) {
						out = append(out, p)
					}
				}
			}
		}
	}
	return out
}

// checkRoles checks roles.
func (l *loader) checkRoles() {
	for _, name := range sorted(l.cat.Roles) {
		r := l.cat.Roles[name]
		if slices.Contains(rolesTaken, name) {
			l.at("Role", name, "$.metadata.name", "%s is a role that Nightkeeper knows already; give this one another name, such as database-sme", name)
		}
		if n := count(r.Schedule) + min(len(r.Regions), 1); n != 1 {
			l.at("Role", name, "$.spec", "a role has a schedule, or regions with a schedule each; this has %d of them", n)
		}
		l.ref("Role", name, "$.spec.schedule", "Schedule", r.Schedule)
		for _, region := range sorted(r.Regions) {
			l.ref("Role", name, "$.spec.regions", "Region", region)
			l.ref("Role", name, "$.spec.regions", "Schedule", r.Regions[region])
			if r.Regions[region] == "" {
				l.at("Role", name, "$.spec.regions", "region %s has no schedule", region)
			}
		}
		if r.RotationSize < 0 {
			l.at("Role", name, "$.spec.rotationSize", "rotationSize is %d; it must be 0 or more", r.RotationSize)
		}
		if n := len(l.cat.rotation(r)); r.RotationSize > 0 && n != r.RotationSize {
			l.at("Role", name, "$.spec.rotationSize", "rotationSize is %d, and %d take turns", r.RotationSize, n).Warning = true
		}
	}
}
