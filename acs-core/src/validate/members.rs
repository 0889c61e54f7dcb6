//! An object's members by the positions of its table.

use super::Walk;
use crate::dictionary::Table;
use crate::json::{Node, Object};

/// Elements as bits by their position in a table.
type Bits = u128;

/// An object's members as its table has them.
pub(super) struct Members<'d> {
    pub(super) table: &'static Table,
    object: Object<'d>,
    /// Place of the first member of each position that [`Self::there`] has.
    places: [u32; Bits::BITS as usize],
    there: Bits,
    /// There, not empty, and not foreign.
    seen: Bits,
    required: Bits,
    foreign: Bits,
    outgoing: bool,
}

impl<'d> Members<'d> {
    pub(super) fn sort(table: &'static Table, object: Object<'d>, walk: &Walk<'_>) -> Self {
        let mut places = [0; Bits::BITS as usize];
        let (mut there, mut filled) = (0, 0);
        for node in object.members() {
            let Some(at) = table.position_of(node.name_id()) else { continue };
            let bit = 1 << at;
            if there & bit == 0 {
                there |= bit;
                places[at] = node.place();
                filled |= if node.is_empty() { 0 } else { bit };
            }
        }
        let column = table.column(walk.cell);
        Self {
            table,
            object,
            places,
            there,
            seen: filled & !column.foreign,
            required: column.required,
            foreign: column.foreign,
            outgoing: walk.outgoing,
        }
    }

    /// The element at a position, unless it is missing or foreign here.
    pub(super) fn seen(&self, at: usize) -> Option<Node<'d>> {
        (self.seen >> at & 1 == 1).then(|| self.object.at(self.places[at]))
    }

    pub(super) const fn is_there(&self, at: usize) -> bool {
        self.there >> at & 1 == 1
    }

    pub(super) const fn is_required(&self, at: usize) -> bool {
        self.required >> at & 1 == 1
    }

    /// Foreign here, and it is we who would send it.
    pub(super) const fn is_misplaced(&self, at: usize) -> bool {
        self.outgoing && (self.there & self.foreign) >> at & 1 == 1
    }

    /// Positions in their order, without those of which there is nothing to say.
    pub(super) fn to_look_at(&self) -> impl Iterator<Item = usize> + use<> {
        let own = (self.there | self.required | self.table.required_if) & !self.foreign;
        let misplaced = if self.outgoing { self.there & self.foreign } else { 0 };
        positions(own | misplaced)
    }

    /// Names that the table does not have.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &'d str> {
        let (table, members) = (self.table, self.object.members());
        let strange = |node: &Node<'d>| table.position_of(node.name_id()).is_none();
        members.filter(move |node| table.any.is_none() && strange(node)).map(Node::name)
    }
}

fn positions(bits: Bits) -> impl Iterator<Item = usize> {
    let mut rest = bits;
    std::iter::from_fn(move || {
        let at = rest.trailing_zeros() as usize;
        rest &= rest.wrapping_sub(1);
        (at < Bits::BITS as usize).then_some(at)
    })
}
