package domain_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/contrail-events/contrail/domain"
)

// The answer was lost on its way, and the client asks again with the same key.
func ExampleOnce() {
	organisations, _ := domain.NewOrganisationService(newMemory(), clock, domain.Config{})
	ctx, actor := context.Background(), domain.Actor{TenantID: "1", UserID: "1"}
	first, _ := organisations.Create(ctx, actor, "Acme", domain.Once("8e03978e"))
	again, _ := organisations.Create(ctx, actor, "Acme", domain.Once("8e03978e"))
	fmt.Println(again.Repeated, again.ID == first.ID, again.Events[0].ID == first.Events[0].ID)

	_, err := organisations.Create(ctx, actor, "Apex", domain.Once("8e03978e"))
	fmt.Println(errors.Is(err, domain.ErrKeyReused))
	// Output:
	// true true true
	// true
}

// Two clients have read version 1, and both want to rename.
func ExampleIfVersion() {
	organisations, _ := domain.NewOrganisationService(newMemory(), clock, domain.Config{})
	ctx, actor := context.Background(), domain.Actor{TenantID: "1", UserID: "1"}
	acme, _ := organisations.Create(ctx, actor, "Acme")
	renamed, err := organisations.Rename(ctx, actor, acme.ID, "Apex", domain.IfVersion(acme.Version))
	fmt.Println(renamed.Version, err)

	_, err = organisations.Rename(ctx, actor, acme.ID, "Zenith", domain.IfVersion(acme.Version))
	var other *domain.VersionError
	fmt.Println(errors.As(err, &other), other.Actual)
	// Output:
	// 2 <nil>
	// true 2
}

// A client has names of its own, and finds by them what it made before.
func ExampleWithReference() {
	organisations, _ := domain.NewOrganisationService(newMemory(), clock, domain.Config{})
	ctx, actor := context.Background(), domain.Actor{TenantID: "1", UserID: "1"}
	acme, _ := organisations.Create(ctx, actor, "Acme", domain.WithReference("customer 7"))
	_, err := organisations.Create(ctx, actor, "Acme", domain.WithReference("customer 7"))
	var taken *domain.ReferenceError
	fmt.Println(errors.As(err, &taken), taken.ID == acme.ID)

	page, _ := organisations.List(ctx, actor, domain.ListFilter{Reference: "customer 7"})
	fmt.Println(page.Items[0].State.Name, page.Items[0].State.Reference)
	// Output:
	// true true
	// Acme customer 7
}

func ExampleOrganisationService_FindAt() {
	organisations, _ := domain.NewOrganisationService(newMemory(), clock, domain.Config{})
	ctx, actor := context.Background(), domain.Actor{TenantID: "1", UserID: "1"}
	acme, _ := organisations.Create(ctx, actor, "Acme")
	_, _ = organisations.Rename(ctx, actor, acme.ID, "Apex")
	then, _ := organisations.FindAt(ctx, actor, acme.ID, domain.At{Version: 1})
	now, _ := organisations.FindAt(ctx, actor, acme.ID, domain.At{})
	fmt.Println(then.State.Name, now.State.Name)
	// Output: Acme Apex
}

func ExampleOrganisationService_List() {
	organisations, _ := domain.NewOrganisationService(newMemory(), clock, domain.Config{})
	ctx, actor := context.Background(), domain.Actor{TenantID: "1", UserID: "1"}
	for _, name := range []string{"Acme", "Apex", "Zenith"} {
		_, _ = organisations.Create(ctx, actor, name)
	}
	filter := domain.ListFilter{Limit: 2}
	for more := true; more; more = filter.After != "" {
		page, _ := organisations.List(ctx, actor, filter)
		for n, item := range page.Items {
			fmt.Println(n+1, item.State.Name)
		}
		filter.After = page.Next
	}
	// Output:
	// 1 Acme
	// 2 Apex
	// 1 Zenith
}
