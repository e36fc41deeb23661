//! The way in which an attempt runs: in this process, in a child, as a command, behind an address.

use std::sync::Arc;

use backstay_isolate::Pool;

use crate::model::limits::InForce;
use crate::runtime::inline::Inline;
use crate::runtime::push::Pushing;

/// What an attempt needs to begin, once its way is chosen.
pub(crate) enum Way {
    /// In this process.
    Inline(Inline),
    /// In a child, or as a command; under these limits.
    Child(Pool, Arc<InForce>),
    /// Behind an address.
    Push(Pushing),
}

impl Clone for Way {
    fn clone(&self) -> Way {
        match self {
            Way::Inline(inline) => Way::Inline(inline.clone()),
            Way::Child(pool, terms) => Way::Child(pool.clone(), terms.clone()),
            Way::Push(push) => Way::Push(push.clone()),
        }
    }
}

impl Way {
    /// Its children, where it has any.
    pub(crate) fn pool(&self) -> Option<&Pool> {
        match self {
            Way::Inline(_) | Way::Push(_) => None,
            Way::Child(pool, _) => Some(pool),
        }
    }

    /// Says whether jobs may be claimed for it.
    pub(crate) fn is_sound(&self) -> bool {
        !self.pool().is_some_and(Pool::is_broken)
    }
}
