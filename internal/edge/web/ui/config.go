package ui

import (
	"context"
	"log/slog"
	"time"

	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/learn"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/prevent"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond"
)

// Config is what the pages need. Learn, Prevent, Deploys, Health, Welcome, Now, Log and Secure are
// optional.
type Config struct {
	PushKey   string // public, of web push; empty: there is none
	Shadow    bool   // nobody is paged: another system does, and every page says so
	Catalog   func() *catalog.Catalog
	Graph     *graph.Live
	Telemetry observe.Telemetry
	Detect    *detect.Service
	Page      *page.Service
	Respond   *respond.Service
	Remediate *remediate.Service
	Learn     *learn.Service   // nil: postmortems are not available
	Prevent   *prevent.Service // nil: experiments and the gate are not available
	Deploys   func(ctx context.Context, since time.Time) ([]observe.Deploy, error)
	Events    func(ctx context.Context, q event.Query) ([]event.Event, error)
	Changed   func() <-chan struct{} // closed after the next commit that appended a fact
	Health    func() []HealthLine
	Auth      Auth
	Welcome   Welcome  // nil: accounts are made elsewhere
	Accounts  Accounts // nil: they are not shown
	Now       func() time.Time
	Log       *slog.Logger
	Secure    bool // cookies only over TLS
}

// HealthLine says how one part of the program is: the telemetry engine, the database, a channel.
// Burns is set when people may not be told of what burns.
type HealthLine struct {
	Name  string
	OK    bool
	Burns bool
	Text  string
}

// Role says what a user may do.
type Role = string

// Roles. A viewer sees everything and changes nothing.
const (
	Admin     Role = "admin"
	Responder Role = "responder"
	Viewer    Role = "viewer"
)

// User is somebody who is signed in. Name is also the name of a person in the catalog when there is one.
type User struct {
	Name string
	Role Role
}

// CanAct reports whether the user may change something.
func (u User) CanAct() bool { return u.Role == Admin || u.Role == Responder }

// TokenInfo describes an API token without its secret.
type TokenInfo struct {
	ID, Name, Account, Scope string
	Created, Used            time.Time
}

// Scopes are what an API token may be for, the least first.
var scopes = []string{"read", "intake", "gate", "respond", "admin"}

// Welcome lets somebody with a link set the password of an account.
type Welcome interface {
	// Invited returns whose link it is, or an error with code not_found when it was used or has expired.
	Invited(ctx context.Context, secret string) (name string, err error)
	// SetPassword uses the link up; a password that is too short is an error with code invalid.
	SetPassword(ctx context.Context, secret, password string) (name string, err error)
}

// Account is somebody who can sign in.
type Account struct {
	Name, Role string
	Person     bool // the catalog has a person of this name, whom pages reach
	Password   bool // one has been set
	Created    time.Time
	Disabled   time.Time // zero when it may sign in
	Seen       time.Time // zero: never
	Sessions   int
}

// Invite is a link with which somebody sets the password of an account, once.
type Invite struct {
	Name, Link string
	Expires    time.Time
}

// Accounts keeps who can sign in. Errors have the codes not_found for a name that does not exist, conflict for one that does
// or for the last admin, and invalid.
type Accounts interface {
	Accounts(ctx context.Context) ([]Account, error)
	Add(ctx context.Context, by, name, role string) (Invite, error)
	Invite(ctx context.Context, by, name string) (Invite, error)
	SetRole(ctx context.Context, by, name, role string) error
	SetDisabled(ctx context.Context, by, name string, disabled bool) error
	EndSessions(ctx context.Context, by, name string) error
}

// Auth knows who may come in.
type Auth interface {
	// SignIn returns the secret of a session and when it ends, or an error with code denied. Remote is the address of
	// the client, so that guessing can be slowed down.
	SignIn(ctx context.Context, name, password, remote string) (secret string, expires time.Time, err error)
	// SignOut ends a session; one that does not exist is no error.
	SignOut(ctx context.Context, secret string) error
	// Who returns whose session it is, or an error with code not_found or denied.
	Who(ctx context.Context, secret string) (User, error)
	// CreateToken returns the secret of a token; it is never shown again.
	CreateToken(ctx context.Context, by User, name, scope string) (secret string, err error)
	// Tokens returns all tokens, by name.
	Tokens(ctx context.Context) ([]TokenInfo, error)
	// DropToken ends a token; one that does not exist is no error.
	DropToken(ctx context.Context, by, id string) error
}
