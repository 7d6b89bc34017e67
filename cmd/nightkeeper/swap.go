package main

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page/rota"
)

func newOncallSwap(c *client) *cobra.Command {
	var at, otherAt, reason string
	var force bool
	cmd := &cobra.Command{
		Use: "swap SCHEDULE PERSON OTHER", Short: "Ask two people to take each other's next shift; nothing changes until they agree", Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.half(cmd, args[0], args[1], at)
			if err != nil {
				return err
			}
			b, err := c.half(cmd, args[0], args[2], otherAt)
			if err != nil {
				return err
			}
			var sw rota.Swap
			if err := c.call(cmd.Context(), "POST", "/swaps", map[string]any{"a": a, "b": b, "reason": reason, "force": force}, &sw); err != nil || c.json {
				return err
			}
			printSwap(sw)
			return nil
		},
	}
	cmd.Flags().StringVar(&at, "at", "", "a time in PERSON's shift; default the next one")
	cmd.Flags().StringVar(&otherAt, "other-at", "", "a time in OTHER's shift; default the next one")
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	cmd.Flags().BoolVar(&force, "force", false, "do not ask them: for managers and administrators, with a --reason")
	return c.flags(cmd)
}

func printSwap(sw rota.Swap) {
	state := string(sw.State)
	if need := sw.Needs(); len(need) > 0 {
		state = "waits for " + strings.Join(need, " and ")
	}
	if sw.Why != "" {
		state += ", " + sw.Why
	}
	fmt.Printf("%s: %s and %s swap %s to %s and %s to %s: %s\n", sw.ID, sw.A.Person, sw.B.Person, local(sw.A.From), local(sw.A.To), local(sw.B.From), local(sw.B.To), state)
}

func newOncallSwaps(c *client) *cobra.Command {
	return c.flags(&cobra.Command{
		Use: "swaps", Short: "List swaps that are not over", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var ss []rota.Swap
			if err := c.call(cmd.Context(), "GET", "/swaps", nil, &ss); err != nil || c.json {
				return err
			}
			if len(ss) == 0 {
				fmt.Println("no swaps")
			}
			for _, sw := range ss {
				printSwap(sw)
			}
			return nil
		},
	})
}

func newOncallRefuse(c *client) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "refuse SWAP", Short: "Refuse a swap that you are asked for", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var sw rota.Swap
			if err := c.call(cmd.Context(), "POST", "/swaps/"+url.PathEscape(args[0])+"/refuse", map[string]any{"reason": reason}, &sw); err != nil || c.json {
				return err
			}
			printSwap(sw)
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return c.flags(cmd)
}

// half finds the shift of a person that holds a time, or the next one.
func (c *client) half(cmd *cobra.Command, schedule, person, at string) (rota.Half, error) {
	printJSON := c.json
	c.json = false
	defer func() { c.json = printJSON }()
	when := time.Time{}
	if at != "" {
		var err error
		if when, err = catalog.Time(at).In(time.Local); err != nil {
			return rota.Half{}, usage(cmd, err)
		}
	}
	ss, err := c.shifts(cmd.Context(), person)
	if err != nil {
		return rota.Half{}, err
	}
	for _, s := range ss {
		holds := at == "" || !when.Before(s.From) && when.Before(s.To)
		if s.Schedule == schedule && !s.To.IsZero() && holds {
			return rota.Half{Schedule: schedule, Person: person, From: s.From, To: s.To}, nil
		}
	}
	return rota.Half{}, errs.New(errs.NotFound, "no such shift of %s on %s is near; nightkeeper oncall shifts %s lists them", person, schedule, person)
}
