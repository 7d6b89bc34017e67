package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "nightkeeper",
		Short:         "The incident loop as one program",
		Long:          "Nightkeeper turns telemetry into one alert, one page or none, one incident with its cause named,\na postmortem, an experiment that proves the fix, and a gate for the next release.",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, err) })
	c := &client{}
	root.AddCommand(newWebhookKey(c))
	root.AddCommand(newDemo(), newServe(), newShop(), newValidate(), newGate(c), newIncidents(c), newDeclare(c), newPages(c), newAck(c), newTickets(c), newApprove(c),
		newRuns(c), newSettle(c), newAlerts(c), newSilence(c), newExclusion(c), newIntegrations(c), newHeartbeats(c), newWhy(c), newOncall(c), newTeams(c), newRegions(c), newHandoff(c),
		newImport(), newDeploy(c), newStatus(c), newExperiments(c), newAccounts(c))
	return root
}

// usage is the error of a command line that makes no sense; it says what would be right.
func usage(cmd *cobra.Command, err error) error {
	line := cmd.UseLine()
	if cmd.HasAvailableSubCommands() && !takesArgs(cmd) {
		line = cmd.CommandPath() + " COMMAND"
	}
	wrong := strings.Join(strings.Fields(err.Error()), " ") // suggestions come on lines of their own
	return exitError{exitUsage, fmt.Errorf("%s; write %s; %s --help has the rest", wrong, line, cmd.CommandPath())}
}

// takesArgs reports whether a command that has others below it takes arguments itself, such as incidents INC-1.
func takesArgs(cmd *cobra.Command) bool { return cmd.Runnable() && strings.Contains(cmd.Use, " ") }

// strict makes wrong arguments of a command and of those below it a usage error. A command that only has others below it
// shows its help when it is asked for nothing.
func strict(cmd *cobra.Command) {
	check := cmd.Args
	switch {
	case takesArgs(cmd):
	case cmd.HasSubCommands() && cmd.Runnable():
		check = cobra.NoArgs
	case cmd.HasSubCommands():
		check = cobra.NoArgs
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	case check == nil:
		check = cobra.ArbitraryArgs
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usage(cmd, err)
		}
		return nil
	}
	for _, sub := range cmd.Commands() {
		strict(sub)
	}
}
