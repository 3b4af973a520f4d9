package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// printDivision prints the partitions of a subscription, if it has any, and the processes that share them.
func (a *app) printDivision(division *subscriptions.Division) {
	if division == nil {
		return
	}
	names := map[string]string{}
	members := [][]string{{"process", "state", "since", "seen", "partitions"}}
	for _, member := range division.Members {
		names[member.ID] = processOf(member)
		members = append(members, []string{
			processOf(member), memberState(member), member.Since.UTC().Format(time.RFC3339), member.Seen.UTC().Format(time.RFC3339), holdsOf(member),
		})
	}
	rows := [][]string{{"partition", "state", "to come", "in hand", "redelivered", "pulls", "held by", "since"}}
	for _, partition := range division.Partitions {
		held, since := "nobody", ""
		if partition.Since != nil {
			held, since = names[partition.Member], partition.Since.UTC().Format(time.RFC3339)
		}
		rows = append(rows, []string{
			strconv.Itoa(partition.Number), partitionState(partition), thousands(partition.Pending), thousands(partition.InHand),
			thousands(partition.Redelivered), strconv.Itoa(partition.Waiting), held, since,
		})
	}
	a.printf("\n")
	a.printTable(rows, 2, 3, 4, 5)
	if len(division.Members) > 0 {
		a.printf("\n")
		a.printTable(members)
	}
}

// processOf is what tells a process from others to a person: there may be two members in one.
func processOf(member subscriptions.Member) string {
	id, _, _ := strings.Cut(member.ID, "-")
	return printable(member.Host) + " " + strconv.Itoa(member.PID) + " (" + printable(id) + ")"
}

func memberState(member subscriptions.Member) string {
	switch {
	case !member.Alive:
		return "gone"
	case member.Leaving:
		return "leaving"
	}
	return "there"
}

func holdsOf(member subscriptions.Member) string {
	if len(member.Holds) == 0 {
		return "none"
	}
	var holds []string
	for _, partition := range member.Holds {
		holds = append(holds, strconv.Itoa(partition))
	}
	return strings.Join(holds, " ")
}

func partitionState(partition subscriptions.Partition) string {
	switch {
	case partition.PausedUntil != nil && !partition.PausedUntil.Before(subscriptions.Forever()):
		return "paused"
	case partition.PausedUntil != nil:
		return "paused until " + partition.PausedUntil.Format(time.RFC3339)
	case partition.Since == nil:
		return "free"
	case partition.Pending > 0 || partition.InHand > 0:
		return "busy"
	}
	return "idle"
}
