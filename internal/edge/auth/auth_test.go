package auth

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
)

var t0 = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

// memory is a Store in maps, whose sign-ins can be counted.
type memory struct {
	mu       sync.Mutex
	accounts map[string]Account
	sessions map[string]session
	tokens   map[string]Token
	links    map[string]session
	facts    []event.Event
	saved    int
}

type session struct {
	account string
	expires time.Time
}

var gone = errs.New(errs.NotFound, "not there")

func (m *memory) Accounts(context.Context) (out []Account, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.accounts {
		out = append(out, a)
	}
	return out, nil
}

func (m *memory) Account(_ context.Context, name string) (Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.accounts[name]
	if !ok {
		return a, gone
	}
	return a, nil
}

func (m *memory) SaveAccount(_ context.Context, a Account) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accounts[a.Name] = a
	return nil
}

func (m *memory) Session(_ context.Context, hash string, now time.Time) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[hash]
	if !ok || !s.expires.After(now) {
		return "", gone
	}
	return s.account, nil
}

func (m *memory) DropSessions(_ context.Context, account string) error {
	maps.DeleteFunc(m.sessions, func(_ string, s session) bool { return s.account == account })
	return nil
}

func (m *memory) SaveLink(ctx context.Context, hash, account string, expires time.Time) error {
	m.links[hash] = session{account, expires}
	return nil
}

func (m *memory) Link(_ context.Context, hash string, now time.Time) (string, error) {
	l, ok := m.links[hash]
	if !ok || !l.expires.After(now) {
		return "", gone
	}
	return l.account, nil
}

func (m *memory) DropLinks(_ context.Context, account string) error {
	maps.DeleteFunc(m.links, func(_ string, l session) bool { return l.account == account })
	return nil
}

func (m *memory) Append(_ context.Context, e event.Event) error {
	m.facts = append(m.facts, e)
	return nil
}

// Update takes everything back when fn fails.
func (m *memory) Update(_ context.Context, fn func(tx Tx) error) error {
	before := memory{accounts: maps.Clone(m.accounts), sessions: maps.Clone(m.sessions), links: maps.Clone(m.links), tokens: maps.Clone(m.tokens), facts: m.facts}
	err := fn(m)
	if err != nil {
		m.accounts, m.sessions, m.links, m.tokens, m.facts = before.accounts, before.sessions, before.links, before.tokens, before.facts
	}
	return err
}

func (m *memory) SaveSession(_ context.Context, hash, account string, expires time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[hash] = session{account, expires}
	return nil
}

func (m *memory) DropSession(_ context.Context, hash string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, hash)
	return nil
}

func (m *memory) SawAccount(_ context.Context, name string, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.accounts[name]
	a.Seen = at
	m.accounts[name] = a
	return nil
}

func (m *memory) Sessions(_ context.Context, now time.Time) (map[string]int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]int{}
	for _, s := range m.sessions {
		if s.expires.After(now) {
			out[s.account]++
		}
	}
	return out, nil
}

func (m *memory) Trim(_ context.Context, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.sessions, func(_ string, s session) bool { return !s.expires.After(now) })
	return nil
}

func (m *memory) Tokens(context.Context) (out []Token, err error) {
	for _, t := range m.tokens {
		out = append(out, t)
	}
	return out, nil
}

func (m *memory) TokenByHash(_ context.Context, hash string) (Token, error) {
	for _, t := range m.tokens {
		if t.Hash == hash {
			return t, nil
		}
	}
	return Token{}, gone
}

func (m *memory) SawToken(_ context.Context, id string, at time.Time) error {
	if t, ok := m.tokens[id]; ok {
		t.Used = at
		m.saved++
		m.tokens[id] = t
	}
	return nil
}

func (m *memory) SaveToken(_ context.Context, t Token) error {
	m.tokens[t.ID] = t
	m.saved++
	return nil
}

func (m *memory) DropToken(_ context.Context, id string) error {
	delete(m.tokens, id)
	return nil
}

// door is a service with one account, mira with the password "secret".
type door struct {
	*Service
	t   *testing.T
	m   *memory
	now atomic.Int64
}

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{t: t, m: &memory{accounts: map[string]Account{}, sessions: map[string]session{}, tokens: map[string]Token{}, links: map[string]session{}}}
	d.Service = New(d.m, func() time.Time { return t0.Add(time.Duration(d.now.Load())) }, slog.New(slog.DiscardHandler))
	if secret, made, err := d.First(t.Context(), "mira", "secret"); err != nil || !made || secret != "secret" {
		t.Fatalf("%q, %v, %v", secret, made, err)
	}
	return d
}

func (d *door) pass(by time.Duration) { d.now.Add(int64(by)) }

func (d *door) try(name, password, remote string, want errs.Code) (secret string) {
	d.t.Helper()
	secret, _, err := d.SignIn(d.t.Context(), name, password, remote)
	if got := errs.CodeOf(err); got != want {
		d.t.Errorf("%s with %q from %s: %v, want %q", name, password, remote, err, want)
	}
	return secret
}

func TestPasswordsAreKeptAsSaltedHashes(t *testing.T) {
	d := newDoor(t)
	kept := d.m.accounts["mira"].Password
	again, err := d.encode(t.Context(), "secret")
	if err != nil || kept == again || strings.Contains(kept, "secret") {
		t.Errorf("kept as %q and %q, %v", kept, again, err)
	}
	for _, enc := range []string{kept, again} {
		for password, want := range map[string]bool{"secret": true, "Secret": false, "": false, "secret ": false} {
			if ok, err := d.verify(t.Context(), enc, password); ok != want || err != nil {
				t.Errorf("%q: %v, %v", password, ok, err)
			}
		}
	}
	for _, enc := range []string{"", "$", "x", "!$!", kept[:len(kept)-4]} {
		if ok, _ := d.verify(t.Context(), enc, ""); ok {
			t.Errorf("the broken hash %q lets somebody in", enc)
		}
	}
}

func TestFirstAccountIsMadeOnce(t *testing.T) {
	d := newDoor(t)
	if _, made, err := d.First(t.Context(), "eve", "x"); made || err != nil {
		t.Errorf("made again: %v, %v", made, err)
	}
	empty := New(&memory{accounts: map[string]Account{}}, time.Now, slog.New(slog.DiscardHandler))
	if secret, made, err := empty.First(t.Context(), "admin", ""); !made || err != nil || len(secret) < 16 {
		t.Errorf("a fresh password is %q, %v, %v", secret, made, err)
	}
}

func TestSessionLastsUntilItsEnd(t *testing.T) {
	d := newDoor(t)
	secret := d.try("mira", "secret", "a", "")
	if u, err := d.Who(t.Context(), secret); err != nil || u.Name != "mira" || u.Role != Admin {
		t.Errorf("%+v, %v", u, err)
	}
	if _, there := d.m.sessions[secret]; there {
		t.Error("the secret itself is kept")
	}
	d.pass(sessionLength)
	if _, err := d.Who(t.Context(), secret); !errs.Is(err, errs.Denied) {
		t.Errorf("after its end: %v", err)
	}
	other := d.try("mira", "secret", "a", "")
	if err := d.SignOut(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{other, "", "x"} {
		if _, err := d.Who(t.Context(), s); !errs.Is(err, errs.Denied) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestSessionsThatAreOverAreTrimmed(t *testing.T) {
	d := newDoor(t)
	d.try("mira", "secret", "a", "")
	d.pass(time.Hour)
	last := d.try("mira", "secret", "a", "")
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{0, 2}, {sessionLength - time.Hour, 1}, {time.Hour - 1, 1}, {1, 0}} {
		d.pass(c.after)
		if err := d.Trim(t.Context()); err != nil || len(d.m.sessions) != c.want {
			t.Errorf("%s later: %d sessions, want %d; %v", c.after, len(d.m.sessions), c.want, err)
		}
	}
	if _, err := d.Who(t.Context(), last); !errs.Is(err, errs.Denied) {
		t.Errorf("%v", err)
	}
}

func TestAccountThatIsGoneHasNoSession(t *testing.T) {
	d := newDoor(t)
	secret := d.try("mira", "secret", "a", "")
	delete(d.m.accounts, "mira")
	if _, err := d.Who(t.Context(), secret); !errs.Is(err, errs.Denied) {
		t.Errorf("%v", err)
	}
}

func TestNobodyLearnsWhichAccountsExist(t *testing.T) {
	d := newDoor(t)
	_, _, wrong := d.SignIn(t.Context(), "mira", "guess", "a")
	_, _, unknown := d.SignIn(t.Context(), "nobody", "guess", "b")
	if wrong.Error() != unknown.Error() || !errs.Is(unknown, errs.Denied) {
		t.Errorf("%v and %v", wrong, unknown)
	}
	// An account without a hash costs a whole hash too, and lets nobody in.
	d.m.accounts["empty"] = Account{Name: "empty"}
	d.try("empty", "", "c", errs.Denied)
}

func TestRightPasswordsAreNotCounted(t *testing.T) {
	d := newDoor(t)
	for range maxTries + 2 {
		d.try("mira", "secret", "a", "")
	}
}

// Many guesses at once must not slip through before the first of them has been judged.
func TestGuessesAtTheSameTimeAreCountedToo(t *testing.T) {
	d := newDoor(t)
	var judged atomic.Int64
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			_, _, err := d.SignIn(t.Context(), "mira", "guess", "evil")
			if err != nil && !strings.Contains(err.Error(), "too many") {
				judged.Add(1)
			}
		})
	}
	wg.Wait()
	if n := judged.Load(); n > maxTries {
		t.Errorf("%d guesses were judged, at most %d may be", n, maxTries)
	}
}

func TestTokensCarryTheirScopes(t *testing.T) {
	d := newDoor(t)
	mira := User{Name: "mira", Role: Admin}
	secret, err := d.CreateToken(t.Context(), mira, "ci", "gate intake")
	if err != nil || !strings.HasPrefix(secret, "nk_") {
		t.Fatal(secret, err)
	}
	u, err := d.Bearer(t.Context(), secret)
	if err != nil || u.Name != "mira" || !u.May(Gate) || !u.May(Intake) || !u.May(Read) || u.May(Respond) || u.May(All) {
		t.Errorf("%+v, %v", u, err)
	}
	for _, k := range d.m.tokens {
		if strings.Contains(k.Hash, secret) || k.Hash != Hash(secret) {
			t.Error("the secret itself is kept")
		}
	}
	saved := d.m.saved
	for range 5 {
		if _, err := d.Bearer(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
	}
	if d.m.saved != saved {
		t.Error("every use of a token writes")
	}
	ks, err := d.Tokens(t.Context())
	if err != nil || len(ks) != 1 {
		t.Fatal(ks, err)
	}
	if err := d.DropToken(t.Context(), "root", ks[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Bearer(t.Context(), secret); !errs.Is(err, errs.Denied) {
		t.Errorf("a dropped token: %v", err)
	}
	if err := d.DropToken(t.Context(), "root", "tok_unknown"); err != nil {
		t.Error(err)
	}
	var got []string
	for _, e := range d.m.facts {
		got = append(got, e.Kind+" by "+e.Actor)
		if strings.Contains(string(e.Data)+e.Text, secret) || strings.Contains(string(e.Data)+e.Text, Hash(secret)) {
			t.Errorf("the secret is in a fact: %s", e.Text)
		}
	}
	if want := []string{KindIssued + " by mira", KindRevoked + " by root"}; !slices.Equal(got, want) {
		t.Errorf("facts %q, want %q", got, want)
	}
}

func TestNobodyGivesAwayMoreThanTheyHave(t *testing.T) {
	d := newDoor(t)
	f := func(by User, name, scope string, want errs.Code) {
		t.Helper()
		if _, err := d.CreateToken(t.Context(), by, name, scope); errs.CodeOf(err) != want {
			t.Errorf("%+v gives %q: %v, want %q", by, scope, err, want)
		}
	}
	f(User{Role: Admin}, "x", All, "")
	f(User{Role: Responder}, "x", All, errs.Denied)
	f(User{Role: Responder}, "x", "read respond", "")
	f(User{Role: Viewer}, "x", Read, "")
	f(User{Role: Viewer}, "x", Respond, errs.Denied)
	f(User{Scope: []string{Gate}}, "x", Respond, errs.Denied)
	f(User{Scope: []string{All}}, "x", All, "")
	f(User{Role: Admin}, "x", "everything", errs.Invalid)
	f(User{Role: Admin}, "x", " ", errs.Invalid)
	f(User{Role: Admin}, "", Read, errs.Invalid)
}

func TestMay(t *testing.T) {
	f := func(u User, may string) {
		t.Helper()
		for _, s := range []string{Read, Respond, Gate, Intake, All} {
			if want := strings.Contains(" "+may+" ", " "+s+" "); u.May(s) != want {
				t.Errorf("%+v may %s: %v", u, s, !want)
			}
		}
	}
	f(User{Role: Admin}, "read respond gate intake admin")
	f(User{Role: Responder}, "read respond gate intake")
	f(User{Role: Viewer}, "read")
	f(User{Role: "made up"}, "read")
	f(User{Role: Admin, Scope: []string{Intake}}, "intake") // a token never has more than its scopes
	f(User{Scope: []string{Respond}}, "read respond")
	f(User{Scope: []string{Gate}}, "read gate")
	f(User{Scope: []string{All}}, "read respond gate intake admin")
}

func TestItIsKnownWhoWasHereAndSessionsCanBeEnded(t *testing.T) {
	d := newDoor(t)
	one, two := d.try("mira", "secret", "1.1.1.1", ""), d.try("mira", "secret", "2.2.2.2", "")
	d.pass(time.Hour)
	if _, err := d.Who(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	d.pass(time.Minute)
	if _, err := d.Who(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	as, err := d.Accounts(t.Context())
	if err != nil || !as[0].Seen.Equal(t0.Add(time.Hour)) {
		t.Errorf("seen %s, %v: want an hour after the beginning, and not each time", as[0].Seen, err)
	}
	if n, err := d.Sessions(t.Context()); err != nil || n["mira"] != 2 {
		t.Errorf("%v sessions, %v", n, err)
	}
	if _, err := d.EndSessions(t.Context(), "root", "mira"); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{one, two} {
		if _, err := d.Who(t.Context(), secret); !errs.Is(err, errs.Denied) {
			t.Errorf("a session goes on: %v", err)
		}
	}
	d.try("mira", "secret", "1.1.1.1", "") // the password is good
	if last := d.m.facts[len(d.m.facts)-1]; last.Kind != KindEnded || last.Actor != "root" {
		t.Errorf("%+v", last)
	}
	if _, err := d.EndSessions(t.Context(), "root", "nobody"); !errs.Is(err, errs.NotFound) {
		t.Errorf("%v", err)
	}
}
