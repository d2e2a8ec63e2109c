/** For the events of a run that are never saved: nobody may look for them. */
export const nothingSaved = (): never => {
  throw new Error('no event of this run was ever saved');
};
