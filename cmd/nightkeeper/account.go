package main

import (
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// account is an account as the server tells it.
type account struct {
	Name, Role       string
	Person, Password bool
	Created          time.Time
	Disabled, Seen   time.Time
	Sessions         int
}

// state says whether somebody can sign in with an account.
func (a account) state() string {
	switch {
	case !a.Disabled.IsZero():
		return "disabled since " + a.Disabled.Local().Format(time.DateTime)
	case !a.Password:
		return "invited"
	}
	return "can sign in"
}

type invite struct {
	Account account
	Link    string
	Expires time.Time
}

func (i invite) print() {
	fmt.Printf("%s is %s. The link to set the password, once, until %s:\n%s\n", i.Account.Name, i.Account.Role, i.Expires.Local().Format(time.DateTime), i.Link)
	if !i.Account.Person {
		fmt.Printf("The catalog has no person named %s: no page will reach this account.\n", i.Account.Name)
	}
}

func newAccounts(c *client) *cobra.Command {
	cmd := &cobra.Command{Use: "account", Short: "Make, list and disable accounts of people"}
	path := func(name, order string) string { return "/accounts/" + url.PathEscape(name) + "/" + order }
	list := &cobra.Command{
		Use: "list", Short: "Who can sign in", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var as []account
			if err := c.call(cmd.Context(), "GET", "/accounts", nil, &as); err != nil || c.json {
				return err
			}
			w := table()
			fmt.Fprintln(w, "NAME\tROLE\tPERSON\tSEEN\tSESSIONS\tSTATE")
			for _, a := range as {
				person := "no"
				if a.Person {
					person = "yes"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", a.Name, a.Role, person, local(a.Seen), a.Sessions, a.state())
			}
			return w.Flush()
		},
	}
	var role string
	add := &cobra.Command{
		Use: "add NAME", Short: "Make an account for a person of the catalog; the answer is a link to set its password", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var i invite
			if err := c.call(cmd.Context(), "POST", "/accounts", map[string]any{"name": args[0], "role": role}, &i); err != nil || c.json {
				return err
			}
			i.print()
			return nil
		},
	}
	add.Flags().StringVar(&role, "role", "responder", "admin, responder or viewer")
	reset := &cobra.Command{
		Use: "invite NAME", Short: "Make a fresh link, for a forgotten password", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var i invite
			if err := c.call(cmd.Context(), "POST", path(args[0], "invite"), map[string]any{}, &i); err != nil || c.json {
				return err
			}
			i.print()
			return nil
		},
	}
	change := func(use, short string, args cobra.PositionalArgs, call func(cmd *cobra.Command, args []string, a *account) error) *cobra.Command {
		return &cobra.Command{
			Use: use, Short: short, Args: args,
			RunE: func(cmd *cobra.Command, args []string) error {
				var a account
				if err := call(cmd, args, &a); err != nil || c.json {
					return err
				}
				fmt.Printf("%s is %s: %s\n", a.Name, a.Role, a.state())
				return nil
			},
		}
	}
	grant := change("role NAME ROLE", "Change what an account may do", cobra.ExactArgs(2), func(cmd *cobra.Command, args []string, a *account) error {
		return c.call(cmd.Context(), "PUT", path(args[0], "role"), map[string]any{"role": args[1]}, a)
	})
	disable := change("disable NAME", "End the sessions, links and tokens of an account", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string, a *account) error {
		return c.call(cmd.Context(), "POST", path(args[0], "disable"), map[string]any{}, a)
	})
	enable := change("enable NAME", "Let a disabled account in again", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string, a *account) error {
		return c.call(cmd.Context(), "POST", path(args[0], "enable"), map[string]any{}, a)
	})
	end := change("sign-out NAME", "End every session of an account; its password stays good", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string, a *account) error {
		return c.call(cmd.Context(), "POST", path(args[0], "end-sessions"), map[string]any{}, a)
	})
	cmd.AddCommand(c.flags(list), c.flags(add), c.flags(reset), c.flags(grant), c.flags(disable), c.flags(enable), c.flags(end))
	return cmd
}
