// A stock client-go program: shared informers over Rollouts and ConfigMaps for a few seconds, telling what they see.
//
//	informer -kubeconfig FILE [-namespace NAME] [-for 3s]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

var rollouts = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"}

func main() {
	kubeconfig := flag.String("kubeconfig", os.Getenv("KUBECONFIG"), "how to reach the API")
	namespace := flag.String("namespace", "", "only this namespace")
	lasts := flag.Duration("for", 3*time.Second, "how long to watch once both lists are there")
	flag.Parse()
	if err := run(*kubeconfig, *namespace, *lasts); err != nil {
		fmt.Fprintln(os.Stderr, "informer:", err)
		os.Exit(1)
	}
}

func run(kubeconfig, namespace string, lasts time.Duration) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	untyped, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	builtIn := informers.NewSharedInformerFactoryWithOptions(typed, 0, informers.WithNamespace(namespace))
	custom := dynamicinformer.NewFilteredDynamicSharedInformerFactory(untyped, 0, namespace, nil)
	watched := map[string]cache.SharedIndexInformer{
		"configmaps": builtIn.Core().V1().ConfigMaps().Informer(),
		"rollouts":   custom.ForResource(rollouts).Informer(),
	}
	synced := make([]cache.InformerSynced, 0, len(watched))
	for resource, informer := range watched {
		registration, err := informer.AddEventHandler(telling(resource))
		if err != nil {
			return err
		}
		synced = append(synced, registration.HasSynced)
	}
	ends, cancel := context.WithCancel(context.Background())
	defer cancel()
	builtIn.Start(ends.Done())
	custom.Start(ends.Done())
	// A list that never comes must not hold up whoever waits for us.
	bound, cancelBound := context.WithTimeout(ends, 30*time.Second)
	defer cancelBound()
	if !cache.WaitForCacheSync(bound.Done(), synced...) {
		return errors.New("the lists of ConfigMaps and Rollouts were not there within 30s")
	}
	fmt.Println("synced")
	time.Sleep(lasts)
	return nil
}

func telling(resource string) cache.ResourceEventHandlerFuncs {
	tell := func(what string, object any) {
		if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = last.Obj
		}
		if named, err := meta.Accessor(object); err == nil {
			fmt.Println(what, resource, named.GetNamespace()+"/"+named.GetName(), named.GetResourceVersion())
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { tell("added", object) },
		UpdateFunc: func(_, object any) { tell("updated", object) },
		DeleteFunc: func(object any) { tell("deleted", object) },
	}
}
