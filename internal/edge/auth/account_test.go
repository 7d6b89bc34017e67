package auth

import (
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
)

const long = "a long enough password"

// kinds returns what the log of facts says.
func (d *door) kinds() string {
	var out []string
	for _, e := range d.m.facts {
		out = append(out, e.Kind+" "+e.Subject+" by "+e.Actor)
	}
	return strings.Join(out, ", ")
}

func (d *door) add(name, role string) Invite {
	d.t.Helper()
	inv, err := d.Add(d.t.Context(), "mira", name, role)
	if err != nil {
		d.t.Fatal(err)
	}
	return inv
}

func (d *door) is(what string, err error, want errs.Code) {
	d.t.Helper()
	if got := errs.CodeOf(err); got != want {
		d.t.Errorf("%s: %v, want %q", what, err, want)
	}
}

func TestPersonSetsThePasswordOfAnAccountOnce(t *testing.T) {
	d := newDoor(t)
	inv := d.add("tomas", Responder)
	d.try("tomas", "", "a", errs.Denied)
	if name, err := d.Invited(t.Context(), inv.Secret); err != nil || name != "tomas" {
		t.Errorf("invited: %q, %v", name, err)
	}
	_, err := d.SetPassword(t.Context(), inv.Secret, "short")
	d.is("a short password", err, errs.Invalid)
	_, err = d.SetPassword(t.Context(), "x", long)
	d.is("another link", err, errs.NotFound)
	if name, err := d.SetPassword(t.Context(), inv.Secret, long); err != nil || name != "tomas" {
		t.Errorf("%q, %v", name, err)
	}
	_, err = d.SetPassword(t.Context(), inv.Secret, "another long password")
	d.is("the link again", err, errs.NotFound)
	if u, err := d.Who(t.Context(), d.try("tomas", long, "a", "")); err != nil || u.Name != "tomas" || u.Role != Responder {
		t.Errorf("%+v, %v", u, err)
	}
	if got, want := d.kinds(), "auth.added tomas by mira, auth.entered tomas by tomas"; got != want {
		t.Errorf("facts: %s", got)
	}
	for _, e := range d.m.facts {
		if strings.Contains(e.Text+string(e.Data), inv.Secret) || strings.Contains(e.Text+string(e.Data), d.m.accounts["tomas"].Password) {
			t.Errorf("a secret is in the log: %+v", e)
		}
	}
}

func TestLinkIsGoodForADay(t *testing.T) {
	d := newDoor(t)
	inv := d.add("tomas", Responder)
	d.pass(24 * time.Hour)
	_, err := d.Invited(t.Context(), inv.Secret)
	d.is("looking", err, errs.NotFound)
	_, err = d.SetPassword(t.Context(), inv.Secret, long)
	d.is("using", err, errs.NotFound)
}

func TestForgottenPasswordIsGoodUntilTheNextIsSet(t *testing.T) {
	d := newDoor(t)
	session := d.try("mira", "secret", "a", "")
	inv, err := d.Invite(t.Context(), "mira", "mira")
	d.is("invite", err, "")
	d.try("mira", "secret", "a", "")
	if _, err := d.SetPassword(t.Context(), inv.Secret, long); err != nil {
		t.Fatal(err)
	}
	d.try("mira", "secret", "a", errs.Denied)
	d.try("mira", long, "a", "")
	_, err = d.Who(t.Context(), session)
	d.is("a session from before", err, errs.Denied)
	_, err = d.Invite(t.Context(), "mira", "nobody")
	d.is("nobody", err, errs.NotFound)
}

func TestNamesAndRolesThatCannotBe(t *testing.T) {
	d := newDoor(t)
	f := func(name, role string, want errs.Code) {
		t.Helper()
		_, err := d.Add(t.Context(), "mira", name, role)
		d.is(name+" as "+role, err, want)
	}
	f("mira", Viewer, errs.Conflict)
	f("", Viewer, errs.Invalid)
	f("nightkeeper", Admin, errs.Invalid) // who acts by itself in the log of facts
	f("runbook:x", Viewer, errs.Invalid)
	f("a b", Viewer, errs.Invalid)
	f("tomas", "root", errs.Invalid)
	f("tomas", "", errs.Invalid)
	f("jo.doe-2", Viewer, "")
	if len(d.m.accounts) != 2 || len(d.m.facts) != 1 {
		t.Errorf("%d accounts, facts %s", len(d.m.accounts), d.kinds())
	}
}

func TestDisabledAccountIsOut(t *testing.T) {
	d := newDoor(t)
	inv := d.add("tomas", Responder)
	if _, err := d.SetPassword(t.Context(), inv.Secret, long); err != nil {
		t.Fatal(err)
	}
	session := d.try("tomas", long, "a", "")
	token, err := d.CreateToken(t.Context(), User{Name: "tomas", Role: Responder}, "ci", Gate)
	d.is("token", err, "")
	link, err := d.Invite(t.Context(), "mira", "tomas")
	d.is("invite", err, "")
	set := func(disabled bool) {
		t.Helper()
		if _, err := d.SetDisabled(t.Context(), "mira", "tomas", disabled); err != nil {
			t.Fatal(err)
		}
	}
	set(true)
	set(true)
	d.try("tomas", long, "a", errs.Denied)
	_, err = d.Who(t.Context(), session)
	d.is("the session", err, errs.Denied)
	_, err = d.Bearer(t.Context(), token)
	d.is("the token", err, errs.Denied)
	_, err = d.Invited(t.Context(), link.Secret)
	d.is("the link", err, errs.NotFound)
	_, err = d.Invite(t.Context(), "mira", "tomas")
	d.is("another link", err, errs.Conflict)
	set(false)
	d.try("tomas", long, "a", "")
	_, err = d.Bearer(t.Context(), token)
	d.is("the token again", err, "")
	if got := d.kinds(); !strings.HasSuffix(got, "auth.invited tomas by mira, auth.disabled tomas by mira, auth.enabled tomas by mira") {
		t.Errorf("facts: %s", got)
	}
}

func TestLastAdminStays(t *testing.T) {
	d := newDoor(t)
	_, err := d.SetDisabled(t.Context(), "mira", "mira", true)
	d.is("disabled", err, errs.Conflict)
	_, err = d.SetRole(t.Context(), "mira", "mira", Viewer)
	d.is("no admin any more", err, errs.Conflict)
	if a := d.m.accounts["mira"]; a.Role != Admin || !a.Disabled.IsZero() || d.kinds() != "" {
		t.Errorf("%+v; %s", a, d.kinds())
	}
	inv := d.add("tomas", Viewer)
	_, err = d.SetRole(t.Context(), "mira", "tomas", Admin)
	d.is("a second admin", err, "")
	_, err = d.SetDisabled(t.Context(), "mira", "mira", true)
	d.is("who has no password yet", err, errs.Conflict)
	if _, err := d.SetPassword(t.Context(), inv.Secret, long); err != nil {
		t.Fatal(err)
	}
	a, err := d.SetRole(t.Context(), "tomas", "mira", Viewer)
	if err != nil || a.Role != Viewer {
		t.Errorf("%+v, %v", a, err)
	}
	_, err = d.SetRole(t.Context(), "tomas", "mira", "root")
	d.is("no such role", err, errs.Invalid)
}
