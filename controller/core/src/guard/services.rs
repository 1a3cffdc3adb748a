//! R9: which Services may be let go, or taken over.

use super::{Refused, Rule, World, ensure};
use crate::decision::Precondition;
use crate::observed::{Fresh, ServiceSeen};

impl World<'_> {
    /// Hash and mark go only from what carries this Rollout's name and no Rollout names.
    pub(super) fn release(&mut self, at: &Precondition) -> Result<(), Refused> {
        let what = format!("let service {} go", at.name);
        let service = self.observed.left_services.get(&at.name).filter(|service| service.uid == at.uid);
        let is_ours =
            service.is_some_and(|service| service.managed_by.as_deref() == Some(self.observed.name()));
        ensure(is_ours && !self.observed.services.contains_key(&at.name), Rule::R6, || {
            format!("{what}: this Rollout names it, or another one manages it")
        })?;
        self.needs(&[Fresh::Rollout, Fresh::Services, Fresh::Neighbours], &what)?;
        ensure(!self.is_named_by_others(&at.name), Rule::R9, || format!("{what}: a Rollout names it"))?;
        self.left.remove(&at.name);
        Ok(())
    }

    /// A Service that another Rollout has left behind may be taken over, if that one is known not to name it.
    pub(super) fn is_free(&self, service: &ServiceSeen) -> bool {
        let owner = service.managed_by.as_deref().unwrap_or_default();
        let names_it =
            self.observed.neighbours.get(owner).is_some_and(|it| it.services.contains(&service.name));
        owner.is_empty()
            || owner == self.observed.name()
            || (self.observed.fresh.contains(&Fresh::Neighbours) && !names_it)
    }

    /// Whether a Service that was left behind selects this version.
    pub(super) fn is_left_selected(&self, hash: &str) -> bool {
        self.left.values().any(|selected| selected == hash)
    }

    fn is_named_by_others(&self, service: &str) -> bool {
        self.observed.neighbours.values().any(|neighbour| neighbour.services.contains(service))
    }
}
